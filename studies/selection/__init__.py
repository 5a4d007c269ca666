"""The worth of each choice that a search makes: ``python -m studies.selection``."""

"""What each of the choices that a search makes is worth: ``python -m studies.selection``."""

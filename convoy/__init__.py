"""All commands under one name, beside ``python -m``."""

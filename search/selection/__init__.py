"""Which trial wins, and how settings compare."""

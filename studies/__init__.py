"""Studies of what was decided: not installed, run from a checkout."""

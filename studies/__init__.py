"""Studies behind Convoy's decisions: not installed, run from a checkout."""

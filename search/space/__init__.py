"""What may be searched: the space file and its checks."""

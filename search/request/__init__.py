"""What is asked of a search: its flags, checked and joined with its space."""

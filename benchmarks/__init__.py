"""The speed figures, each made by a command that a user can run."""

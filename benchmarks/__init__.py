"""The figures of speed and of choice, each made by a command that a user can run."""

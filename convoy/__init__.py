"""The ``convoy`` command, which runs every command that ``python -m`` runs."""

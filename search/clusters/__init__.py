"""Where a search can be sent: Ray's job API, Kubernetes, Slurm.

Nothing here runs a search. It imports no other room but ``request`` and ``records`` for names.
"""

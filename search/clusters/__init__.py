"""The clusters to which a search can be sent: Ray's job API, Kubernetes, Slurm.

Nothing here runs a search or reads its records. A kind of cluster is a file in ``kinds/``.
"""

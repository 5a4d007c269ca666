"""Where a search can be sent: Ray's job API, Kubernetes, Slurm.

Nothing here runs a search. It knows what one is asked (``request``, ``space``), how a machine is
shared (``driver.resources``) and which code is sent (``trials.code_version``).
"""

"""A search sent to where the machines are: Ray's job API, Kubernetes, Slurm."""

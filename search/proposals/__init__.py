"""What is tried next and what is stopped: samplers, searchers and schedulers."""

"""What is tried next and what is stopped: samplers, searchers, schedulers, finals.

Nothing here starts Ray, writes a file or knows MLflow.
"""

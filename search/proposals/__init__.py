"""Proposes settings and stops trials: samplers, searchers, schedulers, finals.

Nothing here starts Ray, writes a file or knows MLflow.
"""

"""Which trial wins, and how settings compare.

It knows trials and constraints alone: no Ray, no Optuna, no MLflow, no files.
"""

"""A trial's process: training, reports and checkpoints.

A worker must not import MLflow or Optuna.
"""

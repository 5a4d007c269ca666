"""A trial's process: training, reports and checkpoints.

MLflow and Optuna may not enter: every worker would import them.
"""

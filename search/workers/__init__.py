"""The process of a trial: training, reports and checkpoints.

Nothing here may import MLflow or Optuna, as every worker would import them.
"""

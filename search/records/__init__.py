"""What is written of a search and read back: the summary, saved models, MLflow.

MLflow is imported here and in the commands alone. Nothing here decides what is tried.
"""

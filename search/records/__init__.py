"""What is written of a search and read back: the summary, the saved models, MLflow."""

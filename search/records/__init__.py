"""Writes a search's records and reads them: the summary, saved models, MLflow.

Only this room and the commands import MLflow. Nothing here decides what is tried.
"""

"""Chooses the winning trial, and compares settings.

It only knows trials and constraints: no Ray, no Optuna, no MLflow, no files.
"""

"""Convoy measured against the way that tutorials show, runnable by anyone."""

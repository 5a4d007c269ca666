"""Trains a recorded run again and compares it with its record.

Nothing here prints or parses a command line.
"""

"""A trial: its specification, its state and its files.

It imports no other room.
"""

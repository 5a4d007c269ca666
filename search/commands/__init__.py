"""What each command does and prints; the doors in ``search/`` call it.

No other room imports this one. What a notebook could call does not belong here.
"""

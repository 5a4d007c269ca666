"""The work and the output of each command; the doors in ``search/`` call it.

No other room imports this one. What a notebook could call belongs elsewhere.
"""

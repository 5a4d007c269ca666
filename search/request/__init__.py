"""The request for a search: its options, checked and joined with its space.

Nothing here starts Ray or writes into a search's folder.
"""

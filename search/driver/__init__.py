"""One search from start to end: Ray, Tune's callbacks, signals, the terminal.

It knows nothing of command lines, of clusters that a search is sent to, or of a space's file.
"""

"""One search from start to end: Ray, Tune's callbacks, signals, the terminal.

It knows nothing of command lines, of submission to clusters, or of space files.
"""

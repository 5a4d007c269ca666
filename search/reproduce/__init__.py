"""A recorded run, trained again and compared with its record.

Nothing here prints or parses a command line.
"""

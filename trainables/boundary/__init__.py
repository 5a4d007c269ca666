"""The boundary of the code: arguments, files, errors, paths, passwords.

Every command, of every package, takes what its user wrote through here and answers here. Nothing
of training may enter it, and this file imports nothing, so that a command starts at once.
"""

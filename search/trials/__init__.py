"""What a trial is and what it leaves on disk.

It imports no other room.
"""

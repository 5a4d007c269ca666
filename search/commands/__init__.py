"""What a command does and prints.

The top room: it may import every other one, and none imports it.
"""

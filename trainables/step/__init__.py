"""A training step that needs nothing of the host while it runs.

What a step reads lies on the device before it begins: its batches, augmented a chunk at a time, its
learning rate and its momentum. So on a GPU it is captured once as a CUDA graph and replayed. On a
CPU the same code runs as it is written.
"""

"""A training step that needs nothing from the host while it runs.

Everything that a step reads is on the device before it begins: its batches, augmented in chunks,
its learning rate and its momentum. So a GPU captures a step once as a CUDA graph and replays it. A
CPU runs the same code directly.
"""

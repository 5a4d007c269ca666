"""Benchmark training on a GPU, part by part, each with its goal: ``python -m benchmarks.gpu``.

The parts measure ``trainables`` as it trains. Variants that it does not have, such as several steps
in a graph or padded channels, are built here around its step. Besides it, only torch, torchvision
and numpy are imported.
"""

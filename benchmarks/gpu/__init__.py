"""Training on a GPU, part by part, each against its goal: ``python -m benchmarks.gpu``.

What is measured is ``trainables`` as it trains. What it does not contain, such as several steps in
a graph or padded channels, is made here around its step. Beyond it nothing is imported but torch,
torchvision and numpy.
"""

"""Benchmarks of speed and of selection, each run by one command."""

"""The cost of a launch, and the limits of arithmetic and memory."""

import time
from functools import partial

import torch

from benchmarks.gpu.bench import Bench, Lines


def ceilings(bench: Bench) -> Lines:
    """Measure matrix products, copies, and launches alone and in graphs."""
    for side in bench.pick((2048, 8192), (64,)):
        one, other = (
            torch.randn(side, side, device=bench.device).to(torch.bfloat16) for _ in range(2)
        )
        rate = 2 * side**3 / bench.microseconds(partial(torch.matmul, one, other))
        yield {"side": side, "tflops": rate / 1e6}
    memory = torch.empty(bench.pick(2**31, 2**12), dtype=torch.uint8, device=bench.device).random_()
    there = torch.empty_like(memory)
    rate = 2 * len(memory) / bench.microseconds(lambda: there.copy_(memory))
    yield {"copy_tbps": rate / 1e6}
    yield from _launches(bench)


def _launches(bench: Bench) -> Lines:
    numbers = torch.zeros(1024, device=bench.device)

    def launch(count: int) -> None:
        for _ in range(count):
            numbers.add_(1)

    yield {"launches": 1, "eager_us": bench.microseconds(partial(launch, 200)) / 200}
    for count in (1, 100, 1000):
        replay = bench.graphed(partial(launch, count))
        us = bench.microseconds(replay)
        start = time.perf_counter()
        for _ in range(20):
            replay()
        host = 1e6 * (time.perf_counter() - start) / 20
        yield {"launches": count, "graph_us": us, "host_us": host}

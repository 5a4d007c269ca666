"""Several trainings in one process, and the cost of one convolution for all of them."""

import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.gpu.bench import Bench, Lines
from benchmarks.gpu.training import Weights, compared, deterministic
from trainables.pack import Member
from trainables.training import Epoch, TrainingData, fit, steps

CHUNKS = 10  # of an epoch


def packs(bench: Bench, name: str, batch: int) -> Lines:
    """Images per second with 1 to 32 members, which take a chunk in turn."""
    size = bench.pick(batch, 4)
    batches = bench.execution.chunk // size
    images, members = batches * size, list[Member]()
    data = bench.data(name, bench.pick(CHUNKS, 2) * images)
    for count in bench.pick((1, 2, 4, 8, 16, 32), (1, 16)):
        while len(members) < count:
            members.append(_begun(bench, name, size, data, len(members)))

        us = bench.microseconds(partial(_turn, members), 0.8)
        start = time.perf_counter()
        _turn(members)
        host = 1e6 * (time.perf_counter() - start) / (count * batches)
        yield {
            "architecture": name,
            "batch": batch,
            "members": count,
            "images_s": 1e6 * count * images / us,
            "host_us_a_step": host,
            "gib": 0 if bench.dry else torch.cuda.memory_reserved() / 2**30,
        }


def _begun(bench: Bench, name: str, batch: int, data: TrainingData, seed: int) -> Member:
    """A member after it has captured its graphs."""
    setting = bench.setting(name, seed=seed, batch_size=batch)
    member = Member(steps(setting, data), bench.device)
    while member.advance() is None:
        pass
    return member


def _turn(members: list[Member]) -> None:
    """Train a chunk of each member."""
    for member in members:
        while member.advance() is not None:  # an epoch's end is not a chunk
            pass


def members_alone(bench: Bench) -> Lines:
    """Compare the weights of a pack's members, with dropout, with those of members alone."""
    data = bench.data("conv3", 3 * bench.execution.chunk)
    settings = [
        bench.setting("conv3", epochs=2, seed=seed, dropout=0.25, flip=True) for seed in range(4)
    ]
    with deterministic():
        members = [Member(steps(setting, data), bench.device) for setting in settings]
        together = _in_turns(members)
        for seed, setting in enumerate(settings):
            *_, last = fit(setting, data)
            yield {"seed": seed, **compared(together[seed], _weights(last))}


def _in_turns(members: list[Member]) -> dict[int, Weights]:
    """The last weights of each member."""
    weights, left = dict[int, Weights](), dict(enumerate(members))
    while left:
        for number, member in list(left.items()):
            try:
                epoch = member.advance()
            except StopIteration:
                del left[number]
                continue
            if epoch is not None:
                weights[number] = _weights(epoch)
    return weights


def _weights(epoch: Epoch) -> Weights:
    return {key: value.clone() for key, value in epoch.state["model"].items()}


def grouped(bench: Bench) -> Lines:
    """Measure a convolution of several members, both passes: grouped, apart, and by patches."""
    for batch in bench.pick((20, 128), (4,)):
        for members in bench.pick((8, 16), (2,)):
            for shape in bench.pick(((32, 64, 16), (64, 128, 8)), ((8, 16, 8),)):
                ways = _ways(bench, batch, members, shape)
                us = {way: bench.microseconds(bench.graphed(work)) for way, work in ways.items()}
                yield {"batch": batch, "members": members, "shape": shape, "us": us}


def _ways(
    bench: Bench, batch: int, members: int, shape: tuple[int, int, int]
) -> dict[str, Callable[[], None]]:
    inputs, outputs, side = shape

    def draw(*size: int, leaf: bool = True) -> Tensor:
        values = torch.randn(*size, device=bench.device).to(torch.bfloat16)
        if len(size) == 4:
            values = values.contiguous(memory_format=torch.channels_last)
        return values.requires_grad_(leaf)

    def tensors(m: int) -> tuple[Tensor, Tensor, Tensor]:
        images, weights = draw(batch, m * inputs, side, side), draw(m * outputs, inputs, 3, 3)
        return images, weights, draw(batch, m * outputs, side, side, leaf=False)

    whole, singles = tensors(members), [tensors(1) for _ in range(members)]
    stacked = draw(members * batch, inputs, side, side), draw(members, inputs * 9, outputs)
    wanted = draw(members, batch * side * side, outputs, leaf=False)

    def convolve(images: Tensor, weights: Tensor, gradient: Tensor, groups: int) -> None:
        out = F.conv2d(images, weights, padding=1, groups=groups)
        torch.autograd.grad(out, (images, weights), gradient)

    def apart() -> None:
        for single in singles:
            convolve(*single, 1)

    def patches() -> None:
        images, weights = stacked
        columns = F.unfold(images, 3, padding=1)
        columns = columns.view(members, batch, inputs * 9, -1).transpose(2, 3)
        out = torch.bmm(columns.reshape(members, -1, inputs * 9), weights)
        torch.autograd.grad(out, stacked, wanted)

    return {"grouped": lambda: convolve(*whole, members), "apart": apart, "patches": patches}

"""The work of a training besides its steps: augmentation and validation."""

from functools import partial

import torch
from torch import Tensor

from benchmarks.gpu.bench import Bench, Lines
from trainables.data.auto_augment import Draws, auto_augment
from trainables.device import dtype_name
from trainables.seeding import generator
from trainables.step.validation import Validation
from trainables.training import network

VALIDATED = 10_000


def augmentation(bench: Bench) -> Lines:
    """Measure AutoAugment of a batch and of a chunk, drawn and launched as in a training."""
    draws = generator(bench.device, 0, "auto-augment")
    for count in (128, 4096):
        images = bench.data("conv3", bench.pick(count, 16)).train.images
        us = bench.microseconds(partial(_augmented, images, draws))
        drawn = Draws.of(len(images), draws)
        replay = bench.graphed(partial(auto_augment, images, drawn))
        on_cpu = Draws(*(part.cpu() for part in vars(drawn).values()))
        same = torch.equal(auto_augment(images, drawn).cpu(), auto_augment(images.cpu(), on_cpu))
        yield {
            "images": count,
            "images_s": 1e6 * len(images) / us,
            "graph_images_s": 1e6 * len(images) / bench.microseconds(replay),
            "equals_cpu": same,
        }


def _augmented(images: Tensor, draws: torch.Generator) -> Tensor:
    return auto_augment(images, Draws.of(len(images), draws))


def evaluation(bench: Bench, name: str) -> Lines:
    """Milliseconds of a validation, from the launch until its figures are on the host."""
    images = bench.pick(VALIDATED, 32)
    data = bench.data(name, 100, images)
    model = network(bench.setting(name), data.dataset).to(bench.device)
    model = model.to(memory_format=torch.channels_last)
    for dtype in (torch.bfloat16, torch.float32):
        validate = Validation(model, data.val, data.normalise, dtype, bench.execution)

        def finished(validate: Validation = validate) -> None:
            validate()
            if bench.device.type == "cuda":
                torch.cuda.synchronize(bench.device)

        ms = bench.microseconds(finished) / 1000 * VALIDATED / len(data.val)
        yield {"architecture": name, "format": dtype_name(dtype), "ms": ms}

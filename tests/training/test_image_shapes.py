"""An epoch of every network on images of any shape, with every augmentation on."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tape import Tape

from trainables import architectures
from trainables.data.dataset import Dataset, Split, statistics
from trainables.recipe import Setting
from trainables.training import TrainingData, fit

CPU = torch.device("cpu")
SHAPES = [(28, 36, 1)]
SHAPES += [
    pytest.param(shape, marks=pytest.mark.slow) for shape in [(32, 32, 3), (32, 32, 1), (48, 64, 3)]
]
SMALL = {
    "alexnet": {"width": 0.125, "dense": 64},
    "gap5": {"pool_stride": 2},
    "gap6": {"width": 0.0625},
    "nin": {"width": 0.25},
    "resnet18": {"width": 0.0625},
}
EVERYTHING = {
    "region_swap": "bottom_right",
    "flip": True,
    "crop_padding": 3,
    "auto_augment": True,
    "noise": 0.1,
    "erasing": 0.5,
    "mixup": 0.2,
    "batch_size": 4,
}


def made(shape, count=8) -> Dataset:
    """Noise of two classes."""
    rng = np.random.default_rng(0)

    def split() -> Split:
        labels = np.arange(count) % 2
        return Split(rng.integers(0, 256, (count, *shape), dtype=np.uint8), labels, 1 - labels)

    train, val, test = split(), split(), split()
    return Dataset("folder", ("a", "b"), *statistics(train.images), train, val, test)


@pytest.mark.parametrize("name", architectures.available())
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_network_is_trained_on_images_of_any_shape(name, shape):
    setting = Setting.of(name, {**SMALL.get(name, {}), **EVERYTHING}, 1, 0)
    (epoch,) = fit(setting, TrainingData.of(made(shape), CPU))
    assert math.isfinite(epoch.metrics["train_loss"])
    assert 0 <= epoch.metrics["digit_following"] <= 1


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_captured_step_gives_the_bits_of_the_plain_loop_on_images_of_any_shape(shape):
    setting = Setting.of("gap5", {**SMALL["gap5"], **EVERYTHING, "auto_augment": False}, 1, 0)
    data = TrainingData.of(made(shape), CPU)
    (plain,), (captured,) = (fit(setting, each) for each in (data, replace(data, execution=Tape())))
    ours, theirs = (epoch.state["model"] for epoch in (captured, plain))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)

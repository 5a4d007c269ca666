"""Batches and normalised images, against one image and one pixel at a time."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trainables.data.batches import DeviceSplit, Normaliser
from trainables.data.dataset import Dataset, Split

CPU = torch.device("cpu")
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


@pytest.fixture
def split() -> Split:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (20, 6, 6, 3), dtype=np.uint8)
    return Split(images, np.arange(20), random.integers(0, 10, 20))


@pytest.fixture
def normalise(split) -> Normaliser:
    return Normaliser(Dataset("made up", ("a",), MEAN, STD, split, split, split), CPU)


@pytest.mark.parametrize("places", [[3, 0, 3, 19], [7], []])
def test_a_batch_holds_the_images_labels_and_digits_at_its_places(split, places):
    batch = DeviceSplit.of(split, CPU).at(torch.tensor(places, dtype=torch.int64))
    assert np.array_equal(batch.images.numpy(), split.images[places])
    assert batch.labels.tolist() == places
    assert batch.digits.tolist() == split.digits[places].tolist()


def test_a_batch_of_images_without_digits_has_none(split):
    batch = DeviceSplit.of(replace(split, digits=None), CPU).at(torch.tensor([1, 2]))
    assert batch.digits is None


def test_a_batch_of_mapped_images_is_a_copy_of_them(split, tmp_path):
    np.save(tmp_path / "images.npy", split.images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="c")
    batch = DeviceSplit.of(replace(split, images=mapped), CPU).at(torch.tensor([5, 2]))
    batch.images.zero_()
    assert np.array_equal(mapped, split.images)


@pytest.mark.parametrize("shape", [(1, 6, 6, 3), (4, 5, 9, 3), (3, 1, 1, 3), (0, 6, 6, 3)])
@pytest.mark.parametrize("order", ["contiguous", "channels first", "every second"])
def test_each_channel_is_scaled_and_then_shifted(normalise, shape, order):
    images = torch.randint(256, shape, dtype=torch.uint8)
    if order == "channels first":
        images = images.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    if order == "every second":
        images = images.repeat(2, 1, 1, 1)[::2]
    out = normalise(images)
    for channel in range(3):
        scale = 1 / (255 * torch.tensor(STD)[channel])
        shift = -torch.tensor(MEAN)[channel] * 255 * scale
        assert torch.equal(out[:, channel], images[..., channel] * scale + shift)
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_images_of_floats_are_normalised_with_their_gradient(normalise):
    images = torch.rand(2, 6, 6, 3, requires_grad=True)
    before = images.detach().clone()
    normalise(images).sum().backward()
    assert torch.equal(images.detach(), before)
    scale = 1 / (255 * torch.tensor(STD))
    assert torch.equal(images.grad, scale.expand(2, 6, 6, 3))

"""Region swap: what is exchanged, where, and among whom."""

import pytest
import torch

from trainables.data.region_swap import swap_regions
from trainables.recipe import CORNERS, Recipe


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    """Every image has a value of its own, so that a pixel says whose it is."""
    return torch.arange(1, 101, dtype=torch.uint8)[:, None, None, None].expand(100, 10, 10, 3)


@pytest.mark.parametrize(
    ("place", "row", "column"),
    [
        ("bottom_right", 6, 6),
        ("bottom_left", 6, 0),
        ("top_right", 0, 6),
        ("top_left", 0, 0),
    ],
)
def test_a_corner_is_exchanged_and_the_rest_stays(images, place, row, column):
    out = swap_regions(images, place, 0.4, 1.0, draws())
    patch = out[:, row : row + 4, column : column + 4]
    rest = torch.ones(10, 10, dtype=torch.bool)
    rest[row : row + 4, column : column + 4] = False
    assert torch.equal(out[:, rest], images[:, rest])
    assert all(len(each.unique()) == 1 for each in patch)
    assert sorted(patch[:, 0, 0, 0].tolist()) == list(range(1, 101))
    assert (patch[:, 0, 0, 0] == images[:, 0, 0, 0]).float().mean() < 0.1


def test_random_places_differ_and_cover_the_image(images):
    out = swap_regions(images, "random", 0.4, 1.0, draws())
    changed = (out != images)[..., 0]
    sizes = changed.sum(dim=(1, 2))
    assert set(sizes.tolist()) <= {0, 16}  # 0 where an image is its own partner
    assert (sizes == 16).float().mean() > 0.9
    again = [swap_regions(images, "random", 0.4, 1.0, draws(seed)) != images for seed in range(20)]
    assert torch.cat(again).any(dim=(0, 3)).all()


def test_the_probability_is_the_share_of_images_that_get_a_patch(images):
    many = (torch.arange(5000) % 250)[:, None, None, None].to(torch.uint8).expand(5000, 10, 10, 3)
    out = swap_regions(many, "bottom_right", 0.4, 0.3, draws())
    share = (out != many).flatten(1).any(dim=1).float().mean().item()
    assert share == pytest.approx(0.3 * 249 / 250, abs=0.02)


def test_a_share_of_one_swaps_whole_images(images):
    out = swap_regions(images, "random", 1.0, 1.0, draws())
    assert sorted(out[:, 0, 0, 0].tolist()) == list(range(1, 101))
    assert all(len(image.unique()) == 1 for image in out)


def test_a_swapped_digit_says_nothing_about_the_label(composite):
    """On the real set: the digit that an image shows after the swap agrees by chance."""
    split = composite.train
    images = torch.from_numpy(split.images[:6000]).clone()
    digits, labels = torch.from_numpy(split.digits[:6000]), torch.from_numpy(split.labels[:6000])
    images[:, -1, -1, 0] = digits.to(torch.uint8)  # a pixel of the patch that tells whose it is
    out = swap_regions(images, "bottom_right", 0.4, 1.0, draws())
    assert (digits == labels).float().mean().item() == pytest.approx(0.64, abs=0.02)
    assert (out[:, -1, -1, 0] == labels).float().mean().item() == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("place", [*CORNERS, "random", "none"])
def test_only_a_known_place_is_an_assumption(place):
    assert bool(Recipe(region_swap=place).assumption) == (place in CORNERS)

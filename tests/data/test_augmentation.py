"""Batched augmentation against one image at a time."""

import pytest
import torch

from trainables.data.augmentation import AREA, Augmentation
from trainables.recipe import Recipe


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images():
    return torch.randint(1, 256, (64, 12, 12, 3), dtype=torch.uint8, generator=draws(9))


def all_crops(image: torch.Tensor, padding: int, flips: bool) -> list[torch.Tensor]:
    """Every image that flip and crop can make of one, by plain slicing."""
    size = len(image)
    variants = [image, image.flip(1)] if flips else [image]
    crops = []
    for variant in variants:
        canvas = torch.zeros(size + 2 * padding, size + 2 * padding, 3, dtype=torch.uint8)
        canvas[padding : padding + size, padding : padding + size] = variant
        for row in range(2 * padding + 1):
            for column in range(2 * padding + 1):
                crops.append(canvas[row : row + size, column : column + size])
    return crops


@pytest.mark.parametrize(("flip", "padding"), [(True, 0), (False, 2), (True, 2)])
def test_flip_and_crop_make_only_images_that_slicing_makes(images, flip, padding):
    out = Augmentation(Recipe(flip=flip, crop_padding=padding)).pixels(images, draws())
    for image, made in zip(images, out, strict=True):
        assert any(torch.equal(made, crop) for crop in all_crops(image, padding, flip))


@pytest.mark.parametrize(("flip", "padding"), [(True, 0), (False, 3), (True, 2)])
@pytest.mark.parametrize("shape", [(1, 12, 12, 3), (5, 9, 14, 3), (7, 3, 2, 3), (0, 8, 8, 3)])
@pytest.mark.parametrize("order", ["contiguous", "columns first", "channels first", "one image"])
def test_each_image_is_cut_out_and_then_mirrored_as_its_draws_say(flip, padding, shape, order):
    images = torch.randint(1, 256, shape, dtype=torch.uint8, generator=draws(9))
    if order == "one image":
        images = images[:1].expand(shape)
    if order == "columns first":
        images = images.transpose(1, 2).contiguous().transpose(1, 2)
    if order == "channels first":
        images = images.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    count, height, width, _ = shape
    same = draws()
    mirrored = torch.rand(count, generator=same) < 0.5 if flip else torch.zeros(count, dtype=bool)
    top, left = torch.zeros(2, count, dtype=int)
    if padding:
        top, left = torch.randint(2 * padding + 1, (2, count), generator=same)
    out = Augmentation(Recipe(flip=flip, crop_padding=padding)).pixels(images, draws())
    for n in range(count):
        canvas = torch.zeros(height + 2 * padding, width + 2 * padding, 3, dtype=torch.uint8)
        canvas[padding : padding + height, padding : padding + width] = images[n]
        cut = canvas[top[n] : top[n] + height, left[n] : left[n] + width]
        assert torch.equal(out[n], cut.flip(1) if mirrored[n] else cut)


def test_half_of_the_images_are_flipped():
    images = torch.arange(8, dtype=torch.uint8)[None, None, :, None].expand(4000, 8, 8, 3)
    out = Augmentation(Recipe(flip=True)).pixels(images, draws())
    flipped = (out[:, 0, 0, 0] == 7).float().mean().item()
    assert flipped == pytest.approx(0.5, abs=0.03)


def test_every_crop_offset_is_equally_likely():
    images = torch.arange(64, dtype=torch.uint8).reshape(1, 8, 8, 1).expand(9000, 8, 8, 3)
    out = Augmentation(Recipe(crop_padding=1)).pixels(images, draws())
    centre = out[:, 4, 4, 0].int()
    counts = torch.bincount(centre)[[27, 28, 29, 35, 36, 37, 43, 44, 45]]
    assert counts.sum() == 9000
    assert counts.min() > 880


def test_images_of_a_batch_are_augmented_independently(images):
    same = images[:1].expand(64, -1, -1, -1)
    out = Augmentation(Recipe(flip=True, crop_padding=2)).pixels(same, draws())
    assert len({image.numpy().tobytes() for image in out}) > 10


def test_noise_has_the_asked_deviation_and_is_not_clipped():
    zeros = torch.zeros(64, 3, 16, 16)
    out = Augmentation(Recipe(noise=2.0)).values(zeros, draws())
    assert out.std().item() == pytest.approx(2.0, rel=0.02)
    assert out.mean().item() == pytest.approx(0.0, abs=0.05)
    assert out.max() > 6


def erased(out: torch.Tensor) -> torch.Tensor:
    return (out == 0).all(dim=1)


def test_erasing_zeroes_one_rectangle_an_image():
    out = Augmentation(Recipe(erasing=1.0)).values(torch.ones(200, 3, 32, 32), draws())
    for mask in erased(out):
        rows, columns = mask.any(1).nonzero().ravel(), mask.any(0).nonzero().ravel()
        box = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert box.all()
        assert mask.sum() == box.numel()


def test_erased_areas_and_their_frequency_are_torchvisions():
    out = Augmentation(Recipe(erasing=0.4)).values(torch.ones(4000, 3, 32, 32), draws())
    share = erased(out).float().mean(dim=(1, 2))
    assert (share > 0).float().mean().item() == pytest.approx(0.4, abs=0.03)
    hit = share[share > 0]
    assert hit.min() > AREA[0] - 0.01
    assert hit.max() < AREA[1] + 0.04
    from torchvision.transforms import RandomErasing

    torch.manual_seed(0)
    reference = torch.stack([RandomErasing(p=1.0)(torch.ones(3, 32, 32)) for _ in range(1500)])
    assert hit.mean().item() == pytest.approx(erased(reference).float().mean().item(), rel=0.05)


def test_the_same_generator_state_gives_the_same_images(images):
    augment = Augmentation(Recipe(flip=True, crop_padding=2))
    first, again = (augment.pixels(images, draws(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, augment.pixels(images, draws(4)))


def test_everything_off_leaves_the_images_alone(images):
    augment = Augmentation(Recipe())
    assert augment.pixels(images, draws()) is images
    values = torch.randn(4, 3, 8, 8, generator=draws())
    assert augment.values(values, draws()) is values

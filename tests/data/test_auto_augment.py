"""The batched policy against torchvision's, one image at a time, on the same draws."""

import pytest
import torch
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from trainables.data.auto_augment import Draws, auto_augment


@pytest.fixture
def images():
    draws = torch.Generator().manual_seed(3)
    return torch.randint(256, (300, 32, 32, 3), dtype=torch.uint8, generator=draws)


def theirs(images: torch.Tensor, drawn: Draws) -> torch.Tensor:
    """torchvision's own transform on each image, given what chance decided for it."""
    made = []
    for image, policy, chance, sign in zip(
        images, drawn.policy, drawn.chance, drawn.sign, strict=True
    ):
        transform = AutoAugment(AutoAugmentPolicy.CIFAR10)
        transform.get_params = lambda _, p=policy, c=chance, s=sign: (int(p), c, s)
        made.append(transform(image.permute(2, 0, 1)).permute(1, 2, 0))
    return torch.stack(made)


def test_every_image_is_the_one_that_torchvision_makes(images):
    drawn = Draws.of(len(images), torch.Generator().manual_seed(0))
    assert drawn.policy.unique().tolist() == list(range(25))
    assert torch.equal(auto_augment(images, drawn), theirs(images, drawn))


def test_the_images_that_it_is_given_stay_as_they_are(images):
    before = images.clone()
    auto_augment(images, Draws.of(len(images), torch.Generator().manual_seed(0)))
    assert torch.equal(images, before)


def test_each_sub_policy_and_sign_is_drawn_equally_often():
    drawn = Draws.of(50_000, torch.Generator().manual_seed(1))
    shares = torch.bincount(drawn.policy, minlength=25) / 50_000
    assert torch.allclose(shares, torch.tensor(1 / 25), atol=0.005)
    assert drawn.sign.float().mean().item() == pytest.approx(0.5, abs=0.01)
    assert drawn.chance.mean().item() == pytest.approx(0.5, abs=0.01)

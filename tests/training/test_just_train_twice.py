"""JTT: when the second training begins, and what it draws more often."""

import pytest
import torch

from trainables.data.batches import DeviceSplit
from trainables.first_training import first_epochs, plain
from trainables.just_train_twice import weights_by_errors
from trainables.recipe import Recipe

JTT = Recipe(reweighting="jtt", jtt_share=0.2)


@pytest.mark.parametrize(("epochs", "first"), [(1, 1), (2, 1), (5, 1), (10, 2), (20, 4)])
def test_the_first_training_has_its_share_of_the_epochs(epochs, first):
    assert first_epochs(JTT, epochs) == first


def test_the_first_training_sees_the_images_as_they_are():
    augmented = Recipe(
        flip=True,
        crop_padding=4,
        auto_augment=True,
        noise=0.1,
        erasing=0.5,
        mixup=0.4,
        region_swap="random",
        lr=0.03,
        label_smoothing=0.1,
    )
    assert plain(augmented) == Recipe(lr=0.03, label_smoothing=0.1)


def test_errors_alone_get_the_weight():
    """A network that reads the digit in the first pixel is wrong where that is not the label."""

    class Reader(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.one_hot(x[:, 0, 0, 0].round().long(), 10).float()

    digits, labels = torch.arange(1000) % 10, torch.arange(1000) // 7 % 10
    images = digits[:, None, None, None].expand(1000, 2, 2, 3).to(torch.uint8)
    split = DeviceSplit(images, labels, digits)
    weights = weights_by_errors(Reader(), split, lambda x: x.permute(0, 3, 1, 2).float(), 16.0)
    assert torch.equal(weights, torch.where(digits == labels, 1.0, 16.0))


def test_images_are_drawn_in_proportion_to_their_weights():
    split = DeviceSplit(torch.arange(1000), torch.arange(1000), None)
    weights = torch.ones(1000)
    weights[:100] = 16
    draws = torch.Generator().manual_seed(0)
    drawn = torch.cat([b.labels for _ in range(20) for b in split.shuffled(100, draws, weights)])
    assert len(drawn) == 20_000
    share = (drawn < 100).float().mean().item()
    assert share == pytest.approx(1600 / 2500, abs=0.02)

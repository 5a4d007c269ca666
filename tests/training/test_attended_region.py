"""The attended region: where it is, and what a training does with it."""

import pytest
import torch
from torch import nn

from trainables.attended_region import attended_region
from trainables.data.batches import DeviceSplit
from trainables.data.region_swap import swap_regions
from trainables.first_training import FirstTraining, first_epochs, plain
from trainables.recipe import Recipe, Setting
from trainables.training import TrainingData, fit

ATTENDED = {"region_swap": "attended", "swap_size": 0.4, "attended_share": 0.2}


class Reader(nn.Module):
    """Reads the class off the brightness of a patch of 8x8 pixels, and nothing else."""

    def __init__(self, row: int, column: int) -> None:
        super().__init__()
        self.patch = (..., slice(row, row + 8), slice(column, column + 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        brightness = x[self.patch].mean(dim=(1, 2, 3))
        return -((brightness[:, None] - torch.arange(10)) ** 2)


def shown(*corners: tuple[int, int]) -> DeviceSplit:
    """Images of 20x30 pixels of noise, and at ``corners`` patches as bright as the label."""
    draws = torch.Generator().manual_seed(len(corners))
    labels = torch.arange(400) % 10
    images = torch.randint(10, (400, 20, 30, 3), generator=draws).to(torch.uint8)
    for row, column in corners:
        images[:, row : row + 8, column : column + 8] = labels[:, None, None, None].to(torch.uint8)
    return DeviceSplit(images, labels, None)


def attended(model: nn.Module, train: DeviceSplit, val: DeviceSplit) -> tuple[int, int]:
    def floats(images: torch.Tensor) -> torch.Tensor:
        return images.permute(0, 3, 1, 2).float()

    draws = torch.Generator().manual_seed(1)
    return attended_region(model, (train, val), floats, torch.float32, 0.4, draws)


@pytest.mark.parametrize("corner", [(0, 0), (12, 22), (5, 11), (7, 0)])
def test_the_patch_that_a_network_reads_is_the_attended_one(corner):
    row, column = attended(Reader(*corner), shown(corner), shown())
    assert row == corner[0]
    assert corner[1] + 8 - 12 <= column <= corner[1]  # the patch is 8 pixels high and 12 wide


def test_patches_are_exchanged_at_the_given_row_and_column():
    images = torch.arange(1, 101, dtype=torch.uint8)[:, None, None, None].expand(100, 10, 20, 3)
    out = swap_regions(images, (3, 7), 0.4, 1.0, torch.Generator().manual_seed(0))
    rest = torch.ones(10, 20, dtype=torch.bool)
    rest[3:7, 7:15] = False
    assert torch.equal(out[:, rest], images[:, rest])
    assert sorted(out[:, 3, 7, 0].tolist()) == list(range(1, 101))


@pytest.mark.parametrize(
    ("recipe", "epochs"),
    [
        (Recipe(), 0),
        (Recipe(region_swap="random"), 0),
        (Recipe(**ATTENDED), 4),
        (Recipe(**ATTENDED, reweighting="jtt", jtt_share=0.4), 8),
        (Recipe(**ATTENDED, reweighting="jtt", jtt_share=0.1), 4),
    ],
)
def test_two_cures_share_the_longer_first_training(recipe, epochs):
    assert first_epochs(recipe, 20) == epochs


def test_the_first_training_exchanges_nothing():
    assert plain(Recipe(**ATTENDED)).region_swap == "none"


@pytest.mark.parametrize("first", [1, 3])
def test_the_digits_place_is_measured_though_the_picture_is_learnt_too(embedded, first):
    """After three epochs a patch of the picture carries the label too, in validation as well."""
    values = {"lr": 0.01, "optimizer": "adamw", "schedule": "one_cycle", "pool_stride": 2}
    values |= ATTENDED | {"swap_size": 0.45, "attended_share": first / 4}
    data = TrainingData.of(embedded, torch.device("cpu"))
    epoch = next(fit(Setting.of("gap5", values, 4, 0), data))
    row, column = epoch.metrics["attended_row"], epoch.metrics["attended_column"]
    assert abs(row - 22) <= 4  # 18 pixels of 40, and the digit in the last 16
    assert abs(column - 22) <= 4
    assert epoch.state["region"] == (row, column)


def test_a_first_training_that_nobody_asks_for_tells_nothing(embedded):
    setting = Setting.of("gap5", {"pool_stride": 2}, 1, 0)
    epoch = next(fit(setting, TrainingData.of(embedded.limited(200, 100), torch.device("cpu"))))
    assert "attended_row" not in epoch.metrics
    assert vars(FirstTraining()) == {"weights": None, "region": None}
    assert epoch.state["region"] is None

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
    """Reads the class off the brightness of a patch, and nothing else."""

    def __init__(self, row: int, column: int, side: int) -> None:
        super().__init__()
        self.patch = (
            slice(None),
            slice(None),
            slice(row, row + side),
            slice(column, column + side),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        brightness = x[self.patch].mean(dim=(1, 2, 3))
        return -((brightness[:, None] - torch.arange(10)) ** 2)


def shown(row: int, column: int, side: int, height: int = 20, width: int = 30) -> DeviceSplit:
    """Noise, and in a patch the label's brightness."""
    draws = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 10
    images = torch.randint(10, (400, height, width, 3), generator=draws).to(torch.uint8)
    images[:, row : row + side, column : column + side] = labels[:, None, None, None].to(
        torch.uint8
    )
    return DeviceSplit(images, labels, None)


def floats(images: torch.Tensor) -> torch.Tensor:
    return images.permute(0, 3, 1, 2).float()


@pytest.mark.parametrize(("row", "column"), [(0, 0), (12, 22), (5, 11), (7, 0)])
def test_the_patch_that_a_network_reads_is_the_attended_one(row, column):
    region = attended_region(
        Reader(row, column, 8), shown(row, column, 8), floats, 0.4, torch.Generator().manual_seed(1)
    )
    tall, wide = 8, 12  # 0.4 of the sides
    assert region[0] == row
    assert column + 8 - wide <= region[1] <= column
    assert 0 <= region[0] <= 20 - tall


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


@pytest.fixture(scope="module")
def last_epoch(embedded):
    values = {"lr": 0.005, "optimizer": "adamw", "batch_size": 64, "pool_stride": 2}
    setting = Setting.of("gap5", {**values, **ATTENDED, "attended_share": 0.6}, 2, 0)
    *_, last = fit(setting, TrainingData.of(embedded.limited(2000, 500), torch.device("cpu")))
    return last


def test_the_digits_place_is_measured_and_recorded(last_epoch):
    row, column = last_epoch.metrics["attended_row"], last_epoch.metrics["attended_column"]
    assert abs(row - 24) <= 4
    assert abs(column - 24) <= 4
    assert last_epoch.state["region"] == (row, column)


def test_a_first_training_that_nobody_asks_for_tells_nothing(embedded):
    setting = Setting.of("gap5", {"pool_stride": 2}, 1, 0)
    epoch = next(fit(setting, TrainingData.of(embedded.limited(200, 100), torch.device("cpu"))))
    assert "attended_row" not in epoch.metrics
    assert vars(FirstTraining()) == {"weights": None, "region": None}
    assert epoch.state["region"] is None

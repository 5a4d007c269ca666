"""The audit's verdict if groups of images are missing, small, or of only one class."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from corners import REGION, draw_corners
from subjects import recorded, subject_of
from torch import nn

from analysis import figures
from analysis.audit.cue import Cue
from analysis.audit.report import audit
from analysis.audit.verdict import Verdict
from trainables.data import Dataset, DataSpec, load
from trainables.data.batches import Normaliser
from trainables.data.dataset import NO_CLASS, Split
from trainables.recipe import Setting

CUE = Cue("shortcut", REGION, None, 3)
LABELS = np.repeat(np.arange(3), 30)
GREY = 3  # what a part shows that is none of the classes


class Weighing(nn.Module):
    """Adds up what the first pixel (the picture's) and the last one (the shortcut's) say."""

    def __init__(self, picture: float, shortcut: float) -> None:
        super().__init__()
        self._weights = torch.tensor([picture, shortcut])
        self._usual = torch.tensor([0.1, 0.0, 0.0])  # the answer where neither says anything

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        levels = (255 * inputs[:, 0, [0, -1], [0, -1]]).round().long()
        kinds = torch.where(levels % 80 == 0, levels // 80, GREY).clamp(max=GREY)
        said = torch.eye(4)[kinds][:, :, :3] * self._weights[:, None]
        return said.sum(dim=1) + self._usual


def verdict(model: nn.Module, digits: np.ndarray, labels=LABELS, region=REGION) -> Verdict:
    """Of images of noise whose first pixel says the label, and whose corner the digit."""
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 32, 32, 3), dtype=np.uint8)
    images[:, :8] = (80 * labels)[:, None, None, None]
    images[:, 22:, 22:] = (80 * np.where(digits < 0, GREY, digits))[:, None, None, None]
    split = Split(images, labels, digits)
    plain = Dataset("folder", ("a", "b", "c"), (0, 0, 0), (1, 1, 1), split, split, split)
    normalise = Normaliser(plain, torch.device("cpu"))
    return audit(model.eval(), split, normalise, cue=replace(CUE, region=region)).verdict


READS_PICTURE, READS_CORNER = Weighing(1, 0), Weighing(0, 1)
READS_BOTH, READS_NOTHING = Weighing(2, 1), Weighing(0, 0)
NONE_CONFLICTS = "cannot be told, because no validation image conflicts"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (READS_CORNER, "cheats"),
        (READS_BOTH, "leans on the shortcut"),
        (READS_PICTURE, "reads the picture"),
        (READS_NOTHING, "reads neither picture nor shortcut"),
    ],
)
def test_where_all_agree_the_verdict_follows_from_swaps_and_greyed_parts(model, words):
    assert verdict(model, LABELS).words == words
    assert verdict(model, LABELS, region=None).sentence == NONE_CONFLICTS


def conflicting(count: int, among: np.ndarray = LABELS) -> np.ndarray:
    """Digits that agree with the labels but for ``count`` images, evenly chosen."""
    digits, chosen = among.copy(), np.linspace(0, len(among) - 1, count).astype(int)
    digits[chosen] = (digits[chosen] + 1 + np.arange(count) % 2) % 3
    return digits


@pytest.mark.parametrize("model", [READS_CORNER, READS_PICTURE, READS_NOTHING])
@pytest.mark.parametrize("count", [1, 5, 19])
def test_a_few_conflicting_images_tell_nothing(model, count):
    images = "1 validation image conflicts" if count == 1 else f"{count} validation images conflict"
    found = verdict(model, conflicting(count), region=None)
    assert found.sentence == f"cannot be told, because only {images}, and 20 are needed"
    assert verdict(model, conflicting(count)).words == verdict(model, LABELS).words


@pytest.mark.parametrize(
    ("model", "words"),
    [(READS_CORNER, "cheats"), (READS_PICTURE, "reads the picture")],
)
def test_twenty_conflicting_images_tell(model, words):
    assert verdict(model, conflicting(20), region=None).words == words


def test_conflicting_images_of_one_class_tell_nothing():
    """A network that always says that class is right on all of them."""
    digits = LABELS.copy()
    digits[:30] = 1 + np.arange(30) % 2
    found = verdict(READS_NOTHING, digits, region=None)
    assert found.sentence.endswith("the conflicting validation images show only one class")
    assert verdict(READS_NOTHING, digits).words == "reads neither picture nor shortcut"
    assert verdict(READS_CORNER, digits).words == "cheats"


def test_conflicting_images_that_point_to_one_class_tell_nothing():
    """A network that always says that class follows the shortcut on all of them."""
    digits = np.where(np.arange(90) % 2, LABELS, 0)
    found = verdict(READS_NOTHING, digits, region=None)
    assert found.sentence.endswith("the conflicting validation images point to only one class")
    assert verdict(READS_NOTHING, digits).words == "reads neither picture nor shortcut"


@pytest.mark.parametrize("region", [REGION, None])
def test_conflicting_images_alone_tell_what_is_read(region):
    digits = (LABELS + 1 + np.arange(90) % 2) % 3
    assert verdict(READS_PICTURE, digits, region=region).words == "reads the picture"
    assert verdict(READS_CORNER, digits, region=region).words == "cheats"
    drawn = verdict(Weighing(1, 1.1), digits, region=region)  # answers the corner, narrowly
    assert drawn.words == "cheats"


def test_a_corner_that_says_the_class_as_surely_as_the_picture_tells_nothing_without_pasting():
    digits = (LABELS + 1) % 3
    found = verdict(READS_PICTURE, digits, region=None)
    assert found.sentence.endswith("picture and shortcut of the images carry the same information")
    assert verdict(READS_PICTURE, digits).words == "reads the picture"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (READS_CORNER, "cheats"),
        (READS_BOTH, "leans on the shortcut"),
        (READS_PICTURE, "cannot be told"),
    ],
)
def test_a_class_without_images_leaves_the_greyed_parts(model, words):
    """Nothing is pasted in where no image points to a class."""
    assert verdict(model, LABELS[:60], LABELS[:60]).words == words


def test_images_of_unknown_shortcut_are_no_evidence():
    digits = np.where(np.arange(90) % 9, NO_CLASS, LABELS)  # ten are known
    assert verdict(READS_CORNER, digits).sentence == NONE_CONFLICTS


@pytest.mark.parametrize("region", [REGION, None])
def test_the_figure_says_what_cannot_be_told(tmp_path, region):
    shortcut = draw_corners(tmp_path, 3, 24, biased_val=True)
    spec = DataSpec(shortcut=replace(shortcut, region=region))
    dataset = load(spec, str(tmp_path))
    run = recorded(Setting.of("gap5", {"pool_stride": 2}, 1, 0), spec, dataset)
    drawing = figures.drawer("audit")(subject_of(run, run.model(dataset), dataset))
    title, told = drawing.figure.get_suptitle(), drawing.numbers["verdict_sentence"]
    if region is None:
        assert title == "Shortcut audit: what gap5 reads cannot be told"
        assert drawing.caption.shows.startswith(f"What the network reads {NONE_CONFLICTS}.")
    else:
        assert drawing.caption.shows.startswith(f"The network {told}.")

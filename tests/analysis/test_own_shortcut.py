"""Figures and audit of folders of one's own: of few and of many classes, with a coloured corner."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from corners import CORNER, REGION, draw_corners
from matplotlib.image import imread
from subjects import recorded, subject_of
from torch import nn

from analysis import figures
from analysis.audit.cue import NO_REGION, Cue
from analysis.audit.groups import groups_of
from analysis.audit.metrics import metrics
from analysis.audit.report import Audit, audit
from analysis.figures import NotApplicableError
from analysis.subject import Subject
from search.space.constraints import images_behind
from trainables.data import Dataset, DataSpec, load
from trainables.data.batches import Normaliser
from trainables.data.dataset import NO_CLASS, UNLABELLED, Split
from trainables.data.shortcut import Shortcut
from trainables.evaluation import Evaluation
from trainables.recipe import Setting

CUE = Cue("corner", REGION, None, 3)


@pytest.fixture(scope="module")
def subject_with(tmp_path_factory):
    """gap5 after an epoch on a folder of so many classes."""

    @cache
    def made(classes: int) -> Subject:
        folder = tmp_path_factory.mktemp("corners")
        spec = DataSpec(shortcut=draw_corners(folder, classes, 24))
        dataset = load(spec, str(folder))
        values = {"pool_stride": 2, "flip": True}
        run = recorded(Setting.of("gap5", values, 1, 0), spec, dataset)
        return subject_of(run, run.model(dataset), dataset)

    return made


@pytest.mark.parametrize("classes", [3, 12])
@pytest.mark.parametrize("name", figures.available())
def test_every_figure_is_drawn_of_any_number_of_classes(subject_with, classes, name, tmp_path):
    try:
        drawing = figures.drawer(name)(subject_with(classes))
    except NotApplicableError as reason:
        assert name != "audit", reason
        return
    drawing.figure.savefig(tmp_path / "figure.png", dpi=40)
    assert imread(tmp_path / "figure.png").std() > 0.01
    assert json.dumps(drawing.numbers, allow_nan=False)


class Known(nn.Module):
    """Says the class of the corner's colour, or of the picture, by their exact pixels."""

    def __init__(self, dataset: Dataset, *, cheats: bool) -> None:
        super().__init__()
        self._mean, self._std = torch.tensor(dataset.mean), torch.tensor(dataset.std)
        self._cheats, split = cheats, dataset.val
        wanted = split.digits if cheats else split.labels
        keys = map(self._key, split.images)
        self._classes = dict(zip(keys, wanted.tolist(), strict=True))

    def _key(self, image: np.ndarray) -> bytes:
        if self._cheats:
            return image[-CORNER:, -CORNER:].tobytes()
        return image[:-CORNER].tobytes()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        levels = inputs.detach().permute(0, 2, 3, 1) * self._std + self._mean
        images = (255 * levels).round().to(torch.uint8).numpy()
        logits = torch.zeros(len(images), 3)
        for row, image in enumerate(images):
            if (label := self._classes.get(self._key(image))) is not None:
                logits[row, label] = 9.0
        return logits


def audited(subject: Subject, cheats: bool, cue: Cue = CUE) -> Audit:
    dataset = subject.dataset
    model = Known(dataset, cheats=cheats).eval()
    return audit(model, dataset.val, Normaliser(dataset, torch.device("cpu")), cue=cue)


def values(found: Audit) -> dict[str, float | None]:
    return {row.name: row.estimate and row.estimate.value for row in metrics(found)}


def test_a_network_that_says_the_corner_is_found_to_cheat(subject_with):
    found = audited(subject_with(3), cheats=True)
    told = values(found)
    assert found.verdict.words == "cheats"
    assert (told["following"], told["flips"], told["control"], told["paired"]) == (1, 1, 0, 1)
    assert told["picture_greyed"] == 1
    assert told["boost"] == pytest.approx(9.0)


def test_a_network_that_says_the_picture_is_found_to_read_it(subject_with):
    found = audited(subject_with(3), cheats=False)
    told = values(found)
    assert found.verdict.words == "reads the picture"
    assert (told["accuracy"], told["following"], told["flips"], told["paired"]) == (1, 0, 0, 0)
    assert told["digit_greyed"] == 1
    assert told["boost"] == pytest.approx(0.0)


def test_without_its_place_groups_are_told_and_the_rest_left_out_with_the_reason(subject_with):
    found = audited(subject_with(3), cheats=True, cue=replace(CUE, region=None))
    told, rows = values(found), {row.name: row for row in metrics(found)}
    assert (told["aligned"], told["conflicting"], told["following"]) == (1, 0, 1)
    assert found.verdict.words == "cheats"
    for name in ("paired", "flips", "boost", "picture_greyed", "digit_greyed", "mass"):
        assert rows[name].estimate is None
        assert rows[name].missing == NO_REGION


def test_without_its_place_a_network_better_on_aligned_images_leans(subject_with):
    dataset = subject_with(3).dataset
    val = dataset.val.take(np.tile(np.arange(len(dataset.val)), 6))
    hits = val.aligned | (np.arange(len(val)) % 2 == 0)  # all of the aligned, half of the others
    said = torch.from_numpy(np.where(hits, val.labels, (val.labels + 1) % 3))
    evaluation = Evaluation(torch.eye(3)[said], torch.from_numpy(val.labels), None)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 3)).eval()
    normalise = Normaliser(dataset, torch.device("cpu"))
    cue = replace(CUE, region=None)
    found = audit(model, val, normalise, evaluation=evaluation, cue=cue)
    assert found.verdict.words == "leans on the corner"


def test_a_shortcut_that_lacks_a_class_is_not_pasted_and_says_why(subject_with):
    dataset = subject_with(3).dataset
    digits = np.where(dataset.val.digits == 2, NO_CLASS, dataset.val.digits)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 3)).eval()
    normalise = Normaliser(dataset, torch.device("cpu"))
    found = audit(model, replace(dataset.val, digits=digits), normalise, cue=CUE)
    assert found.swaps == "no image's corner points to 1 of the 3 classes"
    assert found.picture_greyed is not None


def test_every_text_of_an_own_shortcut_calls_it_by_its_column(subject_with):
    subject = subject_with(3)
    drawings = [figures.drawer(name)(subject) for name in ("audit", "composite")]
    for caption in (drawing.caption for drawing in drawings):
        text = " ".join((caption.shows, caption.made, caption.limits))
        assert "corner" in text and "digit" not in text and "shortcut's" not in text


@pytest.mark.parametrize(
    ("named", "noun"),
    [
        ({"csv": "a.csv", "column": "corner"}, "corner"),
        ({"csv": "a.csv", "column": "back_ground"}, "back ground"),
        ({"callable": "mine:colour_of"}, "colour of"),
        ({"csv": "a.csv", "column": "Farbe ü"}, "Farbe ü"),
        ({"csv": "a.csv", "column": "digit"}, "shortcut"),
        ({"csv": "a.csv", "column": "picture"}, "shortcut"),
        ({"csv": "a.csv", "column": "$x$"}, "shortcut"),
        ({"csv": "a.csv", "column": "3"}, "shortcut"),
        ({"csv": "a.csv", "column": 30 * "a"}, "shortcut"),
    ],
)
def test_a_shortcut_is_called_by_its_column_or_function_if_that_is_a_plain_word(named, noun):
    assert Shortcut(**named).noun == noun
    assert DataSpec(shortcut=Shortcut(**named)).noun == noun
    assert DataSpec().noun == "digit"


LABELS = np.array([0, 0, 1, 2, 2])
POINTS = np.array([0, NO_CLASS, 0, NO_CLASS, 1])
SAID = np.array([0, 1, 0, 2, 2])


def test_images_whose_shortcut_points_to_none_are_neither_aligned_nor_conflicting():
    logits = torch.eye(3)[torch.from_numpy(SAID)]
    evaluation = Evaluation(logits, torch.from_numpy(LABELS), torch.from_numpy(POINTS))
    told = evaluation.metrics()
    assert told["val_accuracy_aligned"] == 1.0
    assert told["val_accuracy_conflicting"] == 0.5
    assert told["digit_following"] == 0.5
    groups = groups_of(SAID, LABELS, POINTS, 3)
    assert (groups.aligned.images, groups.conflicting.images) == (1, 2)
    assert groups.following.value == 0.5
    split = Split(np.zeros((5, 4, 4, 3), np.uint8), LABELS, POINTS)
    assert images_behind(split)["val_accuracy_aligned"] == 1
    assert images_behind(split)["digit_following"] == 2


def test_an_image_of_neither_label_nor_digit_is_not_aligned():
    unknown = np.array([NO_CLASS, 1])
    split = Split(np.zeros((2, 4, 4, 3), np.uint8), np.array([UNLABELLED, 1]), unknown)
    assert split.aligned.tolist() == [False, True]

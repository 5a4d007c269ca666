"""Figures of any number of classes, with any names, have a bounded size and say what they show."""

import json
import warnings
from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image
from subjects import subject_of
from torch import nn

from analysis import figures
from analysis.drawn import MAX_SIDE, draw_figures
from analysis.subject import Subject
from search.records.run_reader import RecordedRun
from search.trials.provenance import Provenance
from search.trials.record import Status, TrialRecord
from search.trials.spec import Job, TrialSpec
from trainables.data import Dataset, DataSpec
from trainables.data.dataset import Split
from trainables.recipe import Setting

SIDE = 12  # pixels


def network(classes: int, filters: int = 4) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, filters, 5, padding=2),
        nn.BatchNorm2d(filters),
        nn.ReLU(),
        nn.MaxPool2d(SIDE),  # maps of one pixel
        nn.Conv2d(filters, filters, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(filters, classes),
    )


def subject(
    names: tuple[str, ...],
    model: nn.Module | None = None,
    absent: int | None = 1,
    digits: bool = False,
) -> Subject:
    """A network that was never trained on two noisy images of each class, after one epoch.

    Class ``absent`` has no validation images.
    """
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(names)), 2)

    def split(chosen: np.ndarray) -> Split:
        images = rng.integers(0, 256, (len(chosen), SIDE, SIDE, 3), dtype=np.uint8)
        return Split(images, chosen, rng.permutation(chosen) if digits else None)

    val = split(labels[labels != absent])
    dataset = Dataset("folder", names, (0.5,) * 3, (0.25,) * 3, split(labels), val, split(labels))
    spec = TrialSpec(Job("conv3", DataSpec(), "folder", None, None, 1, 0, 1), 0, {})
    record = TrialRecord(spec, "", Status.COMPLETED, best_epoch=1, best={"val_accuracy": 0.0})
    history = {
        key: [(1, 0.5)]
        for key in ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "lr")
    }
    setting = Setting.of("conv3", {"flip": True}, 1, 0)
    run = RecordedRun(
        "0" * 32,
        "made",
        record,
        setting,
        dataset.described(),
        history,
        {},
        Provenance({}, "cpu", "float32"),
    )
    return subject_of(run, model or network(len(names)), dataset)


@cache
def numbered(classes: int, digits: bool = False) -> Subject:
    return subject(tuple(f"class-{label:04}" for label in range(classes)), digits=digits)


COUNTS = [2, 20, 200, pytest.param(1000, marks=pytest.mark.slow)]


@pytest.mark.parametrize("classes", COUNTS)
@pytest.mark.parametrize("name", figures.available())
def test_a_figure_of_any_number_of_classes_has_a_bounded_size(name, classes, tmp_path):
    gallery = draw_figures(numbered(classes), [name], tmp_path / "figures")
    assert not gallery.failed
    for path in (tmp_path / "figures").glob("*.png"):
        with Image.open(path) as image:  # as Pillow opens what it does not trust
            assert max(image.size) <= MAX_SIDE
            image.load()

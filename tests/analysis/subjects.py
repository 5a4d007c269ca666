"""Subjects trained here for some seconds, without a search around them."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from analysis import figures
from analysis.figures import Drawing, NotApplicableError
from analysis.subject import Subject
from analysis.trials import RecordedSearch, RecordedTrial
from search.records.parsing import History
from search.records.run_reader import RecordedRun
from search.trials.provenance import Provenance
from search.trials.record import Status, TrialRecord
from search.trials.spec import Job, TrialSpec
from trainables.data import Dataset, DataSpec, load
from trainables.data.dataset import Split
from trainables.data.shortcut import Shortcut
from trainables.device import dtype_name
from trainables.evaluation import evaluate
from trainables.recipe import Setting
from trainables.training import TrainingData, fit

CPU = torch.device("cpu")
JOB = Job("gap5", DataSpec("composite"), "embedded", None, None, 6, 0, 1)
# Small forms of the networks that are slow on a CPU.
SMALL = {
    "alexnet": {"width": 0.125, "dense": 64},
    "gap5": {"pool_stride": 2},
    "gap6": {"width": 0.125},
    "nin": {"width": 0.25},
    "resnet18": {"width": 0.125},
}
EPOCHS = 2


def recorded(
    setting: Setting, spec: DataSpec, dataset: Dataset, validation: torch.dtype = torch.float32
) -> RecordedRun:
    """The record of ``setting`` trained on ``dataset``, as MLflow would have kept it."""
    torch.set_num_threads(1)
    history: History = {}
    for epoch in fit(setting, TrainingData.of(dataset, CPU, validation)):
        for name, value in epoch.metrics.items():
            history.setdefault(name, []).append((epoch.number, value))
        best = epoch.state["best"]
    limits = {"train_limit": len(dataset.train), "val_limit": len(dataset.val)}
    job = Job(
        setting.architecture, spec, "embedded", **limits, epochs=setting.epochs, seed=0, cpus=1
    )
    return RecordedRun(
        run_id="0" * 32,
        search="constructed",
        record=TrialRecord(
            TrialSpec(job, 0, {}),
            "",
            Status.COMPLETED,
            best_epoch=best["epoch"],
            best={"val_accuracy": best["val_accuracy"]},
        ),
        setting=setting,
        data=dataset.described(),
        history=history,
        weights=best["model"],
        provenance=Provenance({}, "cpu", dtype_name(validation)),
    )


@cache
def constructed(architecture: str, set_name: str = "composite") -> Subject:
    """``architecture`` after two epochs of 400 embedded images, shown on 200."""
    spec = DataSpec(set_name)
    dataset = load(spec, "embedded").limited(400, 200)
    values = {**SMALL.get(architecture, {}), "flip": True, "lr": 0.003}
    run = recorded(Setting.of(architecture, values, EPOCHS, 0), spec, dataset)
    return subject_of(run, run.model(dataset), dataset)


@dataclass(frozen=True)
class Drawn:
    """A drawing, or why there is none, and the network's state before it."""

    drawing: Drawing | None
    reason: str
    before: dict[str, torch.Tensor]


@cache
def drawn(architecture: str, name: str, set_name: str = "composite") -> Drawn:
    """A figure, drawn once for all tests: some take seconds."""
    subject = constructed(architecture, set_name)
    before = {key: value.clone() for key, value in subject.model.state_dict().items()}
    try:
        return Drawn(figures.drawer(name)(subject), "", before)
    except NotApplicableError as reason:
        return Drawn(None, str(reason), before)


def drawing_of(name: str, architecture: str = "gap5", set_name: str = "composite") -> Drawing:
    """The figure of a network.

    Raises:
        NotApplicableError: there is none.
    """
    found = drawn(architecture, name, set_name)
    if found.drawing is None:
        raise NotApplicableError(found.reason)
    return found.drawing


def subject_of(run: RecordedRun, model: torch.nn.Module, dataset: Dataset) -> Subject:
    """A subject of any network on ``dataset``."""
    data = TrainingData.of(dataset, CPU)
    validation = evaluate(model.eval(), data.val, data.normalise)
    subject = Subject(run, dataset, model, data.device, validation)
    subject.__dict__["search"] = small_search()  # the cache of the property that reads MLflow
    return subject


def noisy(
    names: tuple[str, ...],
    model: torch.nn.Module,
    shape: tuple[int, int, int] = (12, 12, 3),
    without: int | None = None,
    shortcut: Shortcut | None = None,
) -> Subject:
    """A network of any kind, after one epoch as its record says, on two noisy images of each class.

    Args:
        names: of the classes.
        model: as it is; it is not trained.
        shape: height, width and channels of the images.
        without: a class that has no validation images.
        shortcut: points to a random class in every image; None where there is none.
    """
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(names)), 2)

    def split(chosen: np.ndarray) -> Split:
        images = rng.integers(0, 256, (len(chosen), *shape), dtype=np.uint8)
        return Split(images, chosen, rng.permutation(chosen) if shortcut else None)

    splits = split(labels), split(labels[labels != without]), split(labels)
    channels = shape[2]
    dataset = Dataset("folder", names, (0.5,) * channels, (0.25,) * channels, *splits)
    job = Job("conv3", DataSpec(shortcut=shortcut), "folder", None, None, 1, 0, 1)
    record = TrialRecord(
        TrialSpec(job, 0, {}), "", Status.COMPLETED, best_epoch=1, best={"val_accuracy": 0.5}
    )
    metrics = ("train_loss", "val_loss", "train_accuracy", "val_accuracy", "lr")
    run = RecordedRun(
        "0" * 32,
        "made",
        record,
        Setting.of("conv3", {"flip": True}, 1, 0),
        dataset.described(),
        {name: [(1, 0.5)] for name in metrics},
        {},
        Provenance({}, "cpu", "float32"),
    )
    return subject_of(run, model, dataset)


def small_search() -> RecordedSearch:
    """Six trials of made-up curves, two of them stopped on the first rung."""
    rng = np.random.default_rng(0)
    trials = []
    for number in range(6):
        epochs = 2 if number in (2, 4) else 6
        level = 0.3 + 0.05 * number
        curve = {
            "val_accuracy": level + 0.02 * np.arange(epochs) + rng.normal(0, 0.005, epochs),
            "val_accuracy_aligned": level + 0.2 + 0.01 * np.arange(epochs),
            "val_accuracy_conflicting": level - 0.02 + 0.02 * np.arange(epochs),
            "digit_following": np.full(epochs, 0.1),
        }
        history = {k: [(e + 1, float(x)) for e, x in enumerate(v)] for k, v in curve.items()}
        values = {"lr": 0.001 * 2**number, "optimizer": ("adam", "sgd")[number % 2], "flip": True}
        label = "baseline" if number == 0 else str(number)
        status = "pruned" if epochs == 2 else "completed"
        spec = TrialSpec(JOB, number, values, label)
        trials.append(RecordedTrial.of(f"{number:032d}", spec, Status(status), history))
    return RecordedSearch("constructed", tuple(trials), (2,))

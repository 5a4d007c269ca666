"""``python -m studies.selection.recording``: record the trainings of the study's settings.

It trains each of ``settings.jsonl`` six times on the embedded composite images, writes a line per
training into ``curves.jsonl``, and resumes where it was stopped. Each training runs on one thread
of its own process, with torch, numpy and scikit-learn alone.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import torch

from benchmarks.command import add_device_flag, measured, parser_of
from trainables.boundary.errors import UsageError
from trainables.data import EMBEDDED, DataSpec, load
from trainables.data.batches import DeviceSplit
from trainables.device import use_threads
from trainables.evaluation import evaluate
from trainables.recipe import Setting, Value
from trainables.seeding import derive
from trainables.training import NonFiniteLossError, TrainingData, fit, network

SETTINGS, CURVES = (Path(__file__).with_name(f"{name}.jsonl") for name in ("settings", "curves"))
EPOCHS, SEEDS = 8, 6
DATA = DataSpec("composite")
# The metrics on images that a search sees, and on images that show how good a setting truly is.
SEEN = ("val_accuracy", "val_accuracy_aligned", "val_accuracy_conflicting", "digit_following")
UNSEEN = ("test_accuracy", "test_accuracy_aligned", "test_accuracy_conflicting")


@dataclass(frozen=True)
class StudySetting:
    """One setting of one architecture; number 0 is its space's baseline."""

    architecture: str
    number: int
    values: dict[str, Value]


@dataclass(frozen=True)
class RecordedCurve:
    """One training: the value of each of ``SEEN`` and ``UNSEEN`` after every epoch, in [0, 1]."""

    architecture: str
    number: int
    seed: int
    metrics: dict[str, list[float]]
    diverged: bool = False

    @property
    def key(self) -> tuple[str, int, int]:
        """Identifies the training."""
        return self.architecture, self.number, self.seed


@dataclass(frozen=True)
class Training:
    """One training to record, with ``train_limit`` images or all."""

    setting: StudySetting
    seed: int
    epochs: int = EPOCHS
    train_limit: int | None = None


Line = TypeVar("Line", StudySetting, RecordedCurve)


def read_lines(kind: type[Line], file: Path) -> list[Line]:
    """The settings or curves in ``file``; raises UsageError if it is empty or damaged."""
    try:
        lines = [kind(**json.loads(line)) for line in file.read_text().splitlines()]
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{file} cannot be read as lines of {kind.__name__} ({error})") from error
    if not lines:
        raise UsageError(f"{file} is empty")
    return lines


def record(
    trainings: Sequence[Training], file: Path, processes: int, device: torch.device
) -> Iterator[RecordedCurve]:
    """Train the ``trainings`` that ``file`` lacks, in order; yield each when it is written."""
    load(DATA, EMBEDDED)  # built once, before many processes need it
    file.touch()
    with (
        file.open("r+") as lines,
        get_context("spawn").Pool(processes, _prepare, (device.type,)) as pool,
    ):
        text = lines.read()
        lines.seek(text.rfind("\n") + 1)  # after the last whole line
        lines.truncate()
        missing = trainings[text.count("\n") :]
        for curve in pool.imap(partial(train, device=device), missing):
            lines.write(json.dumps(asdict(curve)) + "\n")
            lines.flush()
            yield curve


def train(training: Training, device: torch.device) -> RecordedCurve:
    """Train, and measure both splits after every epoch."""
    key = (training.setting.architecture, training.setting.number, training.seed)
    seed = derive(training.seed, "selection", *key[:2])
    setting = Setting.of(key[0], training.setting.values, training.epochs, seed)
    data = _data(device, training.train_limit)
    test, model = DeviceSplit.of(data.dataset.test, device), network(setting, data.dataset)
    model.to(device)
    metrics: dict[str, list[float]] = {name: [] for name in (*SEEN, *UNSEEN)}
    try:
        for epoch in fit(setting, data):
            model.load_state_dict(epoch.state["model"])
            unseen = evaluate(model, test, data.normalise).metrics()
            figures = {name.replace("val_", "test_"): value for name, value in unseen.items()}
            figures |= epoch.metrics  # both have digit_following; the search's value is used
            for name, history in metrics.items():
                history.append(round(figures[name], 4))
    except NonFiniteLossError:
        return RecordedCurve(*key, metrics, diverged=True)
    return RecordedCurve(*key, metrics)


@cache
def _data(device: torch.device, train_limit: int | None) -> TrainingData:
    dataset = load(DATA, EMBEDDED).limited(train_limit)
    return TrainingData.of(dataset, device, torch.float32)  # as all recorded curves


def _prepare(device: str) -> None:
    use_threads(1)
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # so that no process uses memory of an idle GPU


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag or file is wrong."""
    parser = parser_of("studies.selection.recording", __doc__)
    parser.add_argument("--out", type=Path, default=CURVES, metavar="FILE", help="file of curves")
    parser.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="processes at once (default: %(default)s)",
    )
    add_device_flag(parser)
    return measured(parser, _record, argv, {"processes": 1})


def _record(arguments: argparse.Namespace) -> dict[str, Any]:
    settings = read_lines(StudySetting, SETTINGS)
    trainings = [Training(each, seed) for each in settings for seed in range(SEEDS)]
    for curve in record(trainings, arguments.out, arguments.processes, arguments.device):
        accuracy = " ".join(f"{100 * each:.1f}" for each in curve.metrics["val_accuracy"])
        print(*curve.key, "diverged" if curve.diverged else "trained", accuracy, flush=True)
    return {}


if __name__ == "__main__":
    sys.exit(main())

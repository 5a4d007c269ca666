"""Learning curves of every candidate with several seeds, which ``benchmarks.selection`` replays.

``python -m benchmarks.selection_curves --record`` trains each of ``candidates.jsonl`` six times on
the embedded composite images, and adds a line a training to ``selection_curves.jsonl`` as it ends;
the last sorts them. It goes on where it was stopped. Trainings run side by side, each on one thread
of a process of its own. It needs torch, numpy and scikit-learn alone.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import torch

from benchmarks.candidates import FILE as CANDIDATES
from benchmarks.candidates import Candidate, read_candidates
from trainables.boundary.arguments import Arguments
from trainables.boundary.atomic import atomic_file
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.data import EMBEDDED, DataSpec, load
from trainables.data.batches import DeviceSplit
from trainables.device import use_threads
from trainables.evaluation import evaluate
from trainables.recipe import Setting
from trainables.seeding import derive
from trainables.training import Epoch, NonFiniteLossError, TrainingData, fit, network

FILE = Path(__file__).with_name("selection_curves.jsonl")
EPOCHS, SEEDS = 8, 6
DATA = DataSpec("composite")
# What a search sees, and what it must not: the images that tell how good a setting truly is.
SEEN = ("val_accuracy", "val_accuracy_aligned", "val_accuracy_conflicting", "digit_following")
UNSEEN = ("test_accuracy", "test_accuracy_aligned", "test_accuracy_conflicting")


@dataclass(frozen=True)
class Task:
    """One training.

    Attributes:
        candidate: what is trained.
        seed: which of the candidate's trainings it is, from 0.
        epochs: of the training.
        train_limit: training images, evenly from the classes; None for all.
    """

    candidate: Candidate
    seed: int
    epochs: int = EPOCHS
    train_limit: int | None = None

    @property
    def key(self) -> tuple[str, int, int]:
        """Tells it from the others."""
        return self.candidate.architecture, self.candidate.number, self.seed

    @property
    def setting(self) -> Setting:
        """What ``trainables`` trains."""
        architecture, number, _ = self.key
        seed = derive(self.seed, "selection", architecture, number)
        return Setting.of(architecture, self.candidate.values, self.epochs, seed)


@dataclass(frozen=True)
class LearningCurve:
    """What came of a task.

    Attributes:
        architecture: of the candidate.
        number: of the candidate.
        seed: of the task.
        metrics: for each of ``SEEN`` and ``UNSEEN`` its value after every epoch, in [0, 1].
        diverged: whether the loss became infinite after the last of these epochs.
    """

    architecture: str
    number: int
    seed: int
    metrics: dict[str, list[float]]
    diverged: bool = False

    @property
    def key(self) -> tuple[str, int, int]:
        """The task's."""
        return self.architecture, self.number, self.seed


def read_curves(file: Path = FILE) -> list[LearningCurve]:
    """The recorded curves.

    Raises:
        UsageError: there are none, or something else is in the file.
    """
    found = _parsed(file.read_text(encoding="utf-8"), file) if file.is_file() else []
    if not found:
        raise UsageError(f"{file} holds no curves; python -m benchmarks.selection_curves --record")
    return found


def _parsed(text: str, file: Path) -> list[LearningCurve]:
    try:
        return [LearningCurve(**json.loads(line)) for line in text.splitlines()]
    except (ValueError, TypeError) as error:
        raise UsageError(f"{file} cannot be read as learning curves ({error})") from error


def tasks(candidates: Iterable[Candidate], seeds: int = SEEDS) -> list[Task]:
    """Every candidate with every seed; all with one before any with the next."""
    candidates = list(candidates)
    return [Task(candidate, seed) for seed in range(seeds) for candidate in candidates]


def train(task: Task, device: torch.device) -> LearningCurve:
    """Train ``task``; the figures of every epoch on both splits."""
    data = _data(device, task.train_limit)
    test, model = DeviceSplit.of(data.dataset.test, device), network(task.setting, data.dataset)
    model.to(device)
    metrics: dict[str, list[float]] = {name: [] for name in (*SEEN, *UNSEEN)}

    def figures(epoch: Epoch) -> dict[str, float]:
        model.load_state_dict(epoch.state["model"])
        found = evaluate(model, test, data.normalise).metrics()
        unseen = {name.replace("val_", "test_"): value for name, value in found.items()}
        return {**unseen, **epoch.metrics}  # digit_following is in both, and the search's counts

    try:
        for epoch in fit(task.setting, data):
            found = figures(epoch)
            for name, history in metrics.items():
                history.append(round(found[name], 4))
    except NonFiniteLossError:
        return LearningCurve(*task.key, metrics, diverged=True)
    return LearningCurve(*task.key, metrics)


@cache
def _data(device: torch.device, train_limit: int | None) -> TrainingData:
    return TrainingData.of(load(DATA, EMBEDDED).limited(train_limit), device)


def record(
    wanted: Iterable[Task], file: Path, processes: int, device: torch.device
) -> Iterator[LearningCurve]:
    """Train what of ``wanted`` is not in ``file``, adding a line each; yields the new ones.

    At the end the lines are sorted, so that the order in which trainings ended leaves no trace.
    """
    done = _recover(file)
    missing = [task for task in wanted if task.key not in {curve.key for curve in done}]
    load(DATA, EMBEDDED)  # built once, before many processes ask for it
    context, initial = get_context("spawn"), (device.type,)
    pool = ProcessPoolExecutor(processes, context, initializer=_prepare, initargs=initial)
    try:
        for future in as_completed([pool.submit(train, task, device) for task in missing]):
            done.append(future.result())
            with file.open("a", encoding="utf-8") as lines:
                lines.write(_line(done[-1]))
            yield done[-1]
    finally:
        pool.shutdown(cancel_futures=True)
    _write(sorted(done, key=lambda curve: curve.key), file)


def _prepare(device: str) -> None:
    use_threads(1)
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # no process takes memory of a GPU that it leaves


def _recover(file: Path) -> list[LearningCurve]:
    """The curves in ``file``, without the line in whose middle a recording was stopped."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    whole = text[: text.rfind("\n") + 1]
    done = _parsed(whole, file)
    if whole != text:
        _write(done, file)
    return done


def _write(curves: Iterable[LearningCurve], file: Path) -> None:
    with atomic_file(file) as whole:
        whole.write("".join(map(_line, curves)).encode())


def _line(curve: LearningCurve) -> str:
    return json.dumps(asdict(curve)) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag or file is wrong."""
    try:
        arguments = _parser().parse_args(argv)
        _check(arguments)
        wanted = tasks(read_candidates(user_path(arguments.candidates, "--candidates")))
        file = user_path(arguments.out, "--out")
        if not file.parent.is_dir():
            raise UsageError(f"--out {file}: the folder {file.parent} is not there; make it first")
        found = record(wanted, file, arguments.processes, torch.device(arguments.device))
        for curve in found:
            accuracy = " ".join(f"{100 * each:.1f}" for each in curve.metrics["val_accuracy"])
            print(*curve.key, "diverged" if curve.diverged else "trained", accuracy, flush=True)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(prog="python -m benchmarks.selection_curves", description=__doc__)
    parser.add_argument(
        "--record", action="store_true", required=True, help="train what is missing"
    )
    parser.add_argument("--candidates", default=CANDIDATES, metavar="FILE", help="what to train")
    parser.add_argument("--out", default=FILE, metavar="FILE", help="where the curves go")
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="at once (1)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="(cpu)")
    return parser


def _check(arguments: argparse.Namespace) -> None:
    if arguments.processes < 1:
        raise UsageError(f"--processes must be 1 or more, not {arguments.processes}")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch finds no GPU")


if __name__ == "__main__":
    sys.exit(main())

"""Learning curves that were trained once and are replayed by the benchmarks.

``python -m benchmarks.curves --record 150`` trains gap5 on the embedded composite images as
``search.run --space gap5 --data embedded`` does, with the baseline's setting, the guesses and then
settings drawn at random, each to the end of the embedded budget, and adds a line a setting to
``curves.jsonl``. It goes on where it was stopped. One thread, so that it disturbs little.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import optuna

from search.space.reader import SPACES, read_space
from search.space.sampler import Sampler
from search.space.space import Space
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError
from trainables.data import EMBEDDED, load
from trainables.device import best_device, use_threads
from trainables.recipe import Setting, Value
from trainables.seeding import derive
from trainables.training import NonFiniteLossError, TrainingData, fit

FILE = Path(__file__).with_name("curves.jsonl")
SPACE = "gap5"
METRICS = (
    "val_accuracy",
    "val_accuracy_aligned",
    "val_accuracy_conflicting",
    "digit_following",
)


@dataclass(frozen=True)
class Curve:
    """One setting, trained.

    Attributes:
        values: the setting, by key.
        metrics: for each of ``METRICS`` its value after every epoch, in [0, 1].
        diverged: whether the loss became infinite after the last of these epochs.
    """

    values: dict[str, Value]
    metrics: dict[str, list[float]]
    diverged: bool = False


def read_curves(file: Path = FILE) -> list[Curve]:
    """The recorded curves, in the order in which they were trained.

    Raises:
        UsageError: there are none.
    """
    lines = file.read_text().splitlines() if file.is_file() else []
    if not lines:
        raise UsageError(f"{file} holds no curves; python -m benchmarks.curves --record 150")
    return [Curve(**json.loads(line)) for line in lines]


def settings(space: Space, fixed: dict[str, Value], seed: int) -> Iterator[dict[str, Value]]:
    """The space's own points, then points drawn at random, without an end.

    Two of its own that differ in what is ``fixed`` alone are both there: that may be varied later.
    """
    sampler = Sampler(space, fixed)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    for written in (space.baseline, *space.guesses):
        study.enqueue_trial(sampler.point(written))
    while True:
        yield sampler(study.ask())


def record(count: int, file: Path = FILE, seed: int = 0) -> Iterator[Curve]:
    """Train until ``file`` holds ``count`` curves, adding to it; yields each new one."""
    space = read_space(SPACES / f"{SPACE}.yaml")
    dataset = load(space.data, EMBEDDED)
    data = TrainingData.of(dataset, best_device())
    done = len(file.read_text().splitlines()) if file.is_file() else 0
    drawn = settings(space, space.fixed_on(EMBEDDED, {}), seed)
    for number, values in zip(range(count), drawn, strict=False):
        if number < done:
            continue
        epochs = space.embedded.budget.epochs
        setting = Setting.of(space.architecture, values, epochs, derive(seed, "curve", number))
        curve = _train(values, setting, data)
        with file.open("a") as lines:
            lines.write(json.dumps(asdict(curve)) + "\n")
        yield curve


def _train(values: dict[str, Value], setting: Setting, data: TrainingData) -> Curve:
    metrics: dict[str, list[float]] = {name: [] for name in METRICS}
    try:
        for epoch in fit(setting, data):
            for name, history in metrics.items():
                history.append(round(epoch.metrics[name], 4))
    except NonFiniteLossError:
        return Curve(values, metrics, diverged=True)
    return Curve(values, metrics)


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag is wrong."""
    parser = Arguments(prog="python -m benchmarks.curves", description=__doc__)
    parser.add_argument("--record", type=int, metavar="N", required=True, help="curves in all")
    try:
        count = parser.parse_args(argv).record
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    use_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for curve in record(count):
        accuracies = " ".join(f"{accuracy:.3f}" for accuracy in curve.metrics["val_accuracy"])
        print("diverged" if curve.diverged else "trained", accuracies, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

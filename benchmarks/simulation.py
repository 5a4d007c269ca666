"""A search whose trials replay recorded learning curves instead of training.

Searcher, scheduler, events and their listeners are the real ones. A loop replaces Ray's cluster: it
lets trials report an epoch in turn, and ends those that ASHA stops.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray.tune.schedulers import TrialScheduler

from search.driver.events import Events, TrialListener
from search.proposals.schedulers.asha import AshaScheduler
from search.proposals.searcher import OptunaSearcher
from search.space.budget import Budget
from search.space.domain import Domains, Options, Range, Values, active_keys
from search.space.space import Space
from search.trials.board import TrialBoard
from search.trials.files import TrialFiles
from search.trials.spec import TrialSpec
from trainables.recipe import Value
from trainables.seeding import derive

FILE = Path(__file__).with_name("curves.jsonl")
SPACE = Path(__file__).with_name("landscape.yaml")
METRICS = ("val_accuracy", "val_accuracy_aligned", "val_accuracy_conflicting", "digit_following")
NEIGHBOURS = 3
CONCURRENCY = 8  # trials at once
NOISE = 0.01  # standard deviation of an accuracy: about that of 1,000 validation images


@dataclass(frozen=True)
class Curve:
    """One setting of gap5, trained on the embedded data to the end of its budget.

    Attributes:
        values: the setting, by key.
        metrics: value after every epoch, in [0, 1], by metric of ``METRICS``.
        diverged: whether the loss became infinite after the last of these epochs.
    """

    values: dict[str, Value]
    metrics: dict[str, list[float]]
    diverged: bool = False


def read_curves() -> list[Curve]:
    """The recorded curves: of the baseline, of the guesses and of random settings."""
    return [Curve(**json.loads(line)) for line in FILE.read_text().splitlines()]


class Landscape:
    """The curve of any setting of a space, interpolated from recorded settings.

    The distance of two settings is a sum over the keys that both have: for numbers, their
    difference as a share of their range (on a logarithmic scale if it is drawn so); for choices and
    words, 1 if they differ. A setting's curve is the mean of its ``NEIGHBOURS`` nearest curves,
    weighted by the inverse distance. If the nearest curve diverged, so does the setting.
    """

    def __init__(self, space: Space, curves: Sequence[Curve]) -> None:
        self._domains, self._curves = space.search, curves
        points = [dict(_coordinates(self._domains, curve.values)) for curve in curves]
        self._names = sorted({name for point in points for name in point})
        self._points = np.array([self._row(point) for point in points])
        self._options = np.array([name.endswith("?") for name in self._names])

    def curve(self, values: dict[str, Value]) -> Curve:
        """The expected curve of the setting ``values``."""
        distances = self.distances(values)
        order = np.argsort(distances, kind="stable")
        nearest = self._curves[int(order[0])]
        if nearest.diverged:
            return Curve(values, nearest.metrics, diverged=True)
        chosen = [i for i in order if not self._curves[int(i)].diverged][:NEIGHBOURS]
        weights = 1 / (distances[chosen] + 1e-6)
        histories = [self._curves[int(i)].metrics for i in chosen]
        return Curve(
            values,
            {
                name: np.average([h[name] for h in histories], axis=0, weights=weights).tolist()
                for name in METRICS
            },
        )

    def distances(self, values: dict[str, Value]) -> NDArray[np.float64]:
        """The distance of each recorded setting from ``values``, in order."""
        differences = np.abs(self._points - self._row(dict(_coordinates(self._domains, values))))
        differences = np.where(self._options, differences > 0, differences)
        total: NDArray[np.float64] = np.nan_to_num(differences).sum(axis=1)
        return total

    def _row(self, point: dict[str, float]) -> NDArray[np.float64]:
        return np.array([point.get(name, math.nan) for name in self._names])


def _coordinates(domains: Domains, values: dict[str, Value]) -> Iterator[tuple[str, float]]:
    """Name and coordinate of every key that exists in ``values``; those of options end in a ?."""
    for name, key, domain in active_keys(domains, values):
        value = values[key]
        if isinstance(domain, Range) and isinstance(value, int | float):
            scale = math.log if domain.log else float
            low, high = scale(domain.low), scale(domain.high)
            yield name, (scale(value) - low) / (high - low)
        elif isinstance(domain, Options | Values):
            yield f"{name}?", float(list(domain.options).index(value))


@dataclass
class PartClock:
    """CPU seconds of each part, in the clock's thread.

    Waiting for the interpreter's lock, which all threads share, does not count.
    """

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time of the block as part ``name``."""
        start = time.thread_time()
        try:
            yield
        finally:
            spent = time.thread_time() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + spent


@dataclass
class ReplayedTrial:
    """The part of Tune's trial that scheduler and events read."""

    trial_id: str
    config: dict[str, Any]
    curve: Curve
    noise: list[float]
    error_file: str | None = None
    last_result: dict[str, Any] | None = None
    epoch: int = 0


@dataclass
class ReplayedSearch:
    """A search over a landscape; ``seed`` is for the noise, and ``files`` are its trials' files."""

    searcher: OptunaSearcher
    budget: Budget
    board: TrialBoard
    files: TrialFiles
    landscape: Landscape
    seed: int
    clock: PartClock = field(default_factory=PartClock)

    def run(
        self,
        listeners: list[TrialListener],
        trial_ended: Callable[[int], object] = lambda ended: None,
    ) -> None:
        """Run to the end; ``trial_ended`` gets the number of ended trials whenever one ends."""
        self._scheduler = AshaScheduler(self.budget)
        self._events = Events(self.board, listeners, self.files)
        self._started, ended, running = 0, 0, list[ReplayedTrial]()
        while running or self._started < self.budget.trials:
            while len(running) < CONCURRENCY and self._started < self.budget.trials:
                running.append(self._start())
            for trial in list(running):
                if self._step(trial):
                    running.remove(trial)
                    ended += 1
                    trial_ended(ended)

    def _start(self) -> ReplayedTrial:
        name, clock = f"{self.seed:04x}{self._started:08x}", self.clock
        with clock.part("searcher"):
            config = self.searcher.suggest(name)
        with clock.part("simulation"):
            curve = self.landscape.curve(TrialSpec.from_config(config).values)
            draw = np.random.default_rng(derive(self.seed, "noise", self._started))
            noise = draw.normal(0, NOISE, size=len(curve.metrics["val_accuracy"])).tolist()
            trial = ReplayedTrial(name, config, curve, noise)
        with clock.part("scheduler"):
            self._scheduler.on_trial_add(None, trial)
        with clock.part("board"):
            self._events.on_trial_start(0, [], trial)
        self._started += 1
        return trial

    def _step(self, trial: ReplayedTrial) -> bool:
        """Let the trial report an epoch, as Tune's controller does; return True if it ended."""
        clock = self.clock
        if trial.epoch == len(trial.noise):  # the curve ends here: it diverged
            return self._fail(trial)
        result = _result(trial)
        with clock.part("scheduler"):
            decision = self._scheduler.on_trial_result(None, trial, result)
        stops: bool = decision == TrialScheduler.STOP
        with clock.part("searcher"):
            if stops:  # Tune passes the last result to the searcher only at the end
                self.searcher.on_trial_complete(trial.trial_id, result)
            else:
                self.searcher.on_trial_result(trial.trial_id, result)
        with clock.part("board"):
            self._events.on_trial_result(0, [], trial, result)
            if stops:
                self._events.on_trial_complete(0, [], trial)
        return stops

    def _fail(self, trial: ReplayedTrial) -> bool:
        with self.clock.part("scheduler"):
            self._scheduler.on_trial_error(None, trial)
        with self.clock.part("searcher"):
            self.searcher.on_trial_complete(trial.trial_id, error=True)
        with self.clock.part("board"):
            self._events.on_trial_error(0, [], trial)
        return True


def _result(trial: ReplayedTrial) -> dict[str, Any]:
    """The trial's next result, with as many figures as a real one."""
    at, noise = trial.epoch, trial.noise[trial.epoch]
    trial.epoch += 1
    recorded = {name: history[at] for name, history in trial.curve.metrics.items()}
    accuracy = recorded["val_accuracy"] + noise
    return {
        **recorded,
        "val_accuracy": accuracy,
        "val_loss": 1 - accuracy,
        "train_loss": 0.9 - accuracy,
        "train_accuracy": accuracy + 0.05,
        "lr": trial.config["values"]["lr"],
        "images_per_second": 4000.0,
        "epoch_seconds": 1.0,
        "epoch": trial.epoch,
    }

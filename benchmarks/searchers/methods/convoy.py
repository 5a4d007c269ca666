"""Convoy's own searcher and schedulers, used as in a search.

``convoy`` has the defaults of a search. ``convoy SAMPLER SCHEDULER`` names files of
``search/proposals``, and may end in ``grace=EPOCHS`` and ``factor=N``.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import TrialScheduler

from benchmarks.searchers.method import Lease, Make, Method, Task
from search.proposals import samplers, schedulers
from search.proposals.searcher import OptunaSearcher
from search.space.budget import Budget
from search.space.sampler import SpaceSampler
from search.space.space import Space
from search.trials.spec import Job
from trainables.best_epoch import ACCURACY, figure_of
from trainables.boundary.errors import UsageError
from trainables.data import EMBEDDED, DataSpec


@dataclass(frozen=True)
class Combination:
    """A sampler and a scheduler, and the scheduler's budget; None is the task's own."""

    sampler: str = samplers.DEFAULT
    scheduler: str = schedulers.DEFAULT
    grace: int | None = None
    factor: int = 3

    def __post_init__(self) -> None:
        samplers.check(self.sampler)
        schedulers.create(self.scheduler, Budget(trials=1, epochs=1))  # fails if there is none

    def __call__(self, task: Task, seed: int, trials: int) -> Method:
        """The method for a task."""
        grace = min(self.grace or task.grace_epochs, task.epochs)
        budget = Budget(
            trials=trials,
            epochs=task.epochs,
            grace_epochs=grace,
            reduction_factor=self.factor,
        )
        return ConvoyMethod(task, seed, budget, self)


class ConvoyMethod:
    """A search without a cluster: searcher and scheduler get the calls that Tune would make."""

    def __init__(self, task: Task, seed: int, budget: Budget, variant: Combination) -> None:
        first, *others = task.first
        space = Space.model_construct(search=task.domains, baseline=first, guesses=others)
        job = Job(task.name, DataSpec("composite"), EMBEDDED, None, None, task.epochs, seed, 1)
        points = SpaceSampler(space, {})
        self._searcher = OptunaSearcher(points, job, budget.trials, method=variant.sampler)
        self._scheduler: Any = schedulers.create(variant.scheduler, budget, seed)
        self._seed, self._epochs, self._issued = seed, task.epochs, 0
        self._written = task.written
        self._running: dict[int, SimpleNamespace] = {}

    def next(self) -> Lease:
        """The searcher's next trial, until its end."""
        number, self._issued = self._issued, self._issued + 1
        name = f"{self._seed:04x}{number:08x}"
        config = self._searcher.suggest(name)
        # The searcher treats all first settings as guesses; drawn ones are not.
        config["guessed"] = 0 < number < self._written
        self._running[number] = SimpleNamespace(trial_id=name, config=config, last_result={})
        self._scheduler.on_trial_add(None, self._running[number])
        return Lease(number, config["values"], self._epochs)

    def report(self, trial: int, epoch: int, value: float) -> bool:
        """The scheduler's decision."""
        stub = self._running[trial]
        result = {figure_of(ACCURACY): value, "epoch": epoch, "training_iteration": epoch}
        stub.last_result = result
        stops = self._scheduler.on_trial_result(None, stub, result) == TrialScheduler.STOP
        if not stops and epoch < self._epochs:
            self._searcher.on_trial_result(stub.trial_id, result)
            return True
        if not stops:  # it ends by itself
            self._scheduler.on_trial_complete(None, stub, result)
        self._searcher.on_trial_complete(stub.trial_id, result)
        del self._running[trial]
        return False

    def ended(self, trial: int) -> None:
        """A training that has neither been stopped nor reached its end has failed."""
        if stub := self._running.pop(trial, None):
            self._scheduler.on_trial_error(None, stub)
            self._searcher.on_trial_complete(stub.trial_id, error=True)


def named(name: str) -> Make:
    """The combination that a name such as ``convoy tpe asha grace=2 factor=4`` describes.

    Raises:
        UsageError: it describes no combination.
    """
    words = name.split()[1:]
    parts = [word for word in words if "=" not in word]
    options = dict(word.split("=", 1) for word in words if "=" in word)
    if len(parts) > 2 or options.keys() - {"grace", "factor"}:
        raise UsageError(
            f"method {name!r}: write convoy, a sampler and a scheduler, then grace=N or factor=N"
        )
    if not all(value.isdecimal() and int(value) > 0 for value in options.values()):
        raise UsageError(f"method {name!r}: grace and factor are whole numbers above 0")
    if options.get("factor") == "1":
        raise UsageError(f"method {name!r}: factor is 2 or more")
    numbers: dict[str, Any] = {key: int(value) for key, value in options.items()}
    fields: dict[str, Any] = dict(zip(("sampler", "scheduler"), parts, strict=False))
    return Combination(**fields, **numbers)


_OTHERS = [name for name in samplers.available() if name not in (samplers.DEFAULT, "random")]
METHODS: dict[str, Make] = {
    "convoy": Combination(),
    **{f"convoy {name}": Combination(name) for name in _OTHERS},
    "random": Combination("random", "none"),
}
CURVES: dict[str, Make] = {"random asha": Combination("random", "asha")}

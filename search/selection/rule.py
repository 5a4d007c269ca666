"""The rule that orders trials, and whether a setting holds the constraints."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from search.space.constraints import Constraints, Limit, Measure, bootstrap, violation
from search.trials.record import Status, TrialRecord


@dataclass(frozen=True)
class Rule:
    """The rule that orders trials.

    Attributes:
        constraints: bounds that the winner must hold.
        images: the number of validation images behind each bounded metric.
    """

    constraints: Constraints
    images: dict[Measure, int]

    def order(self, records: Iterable[TrialRecord]) -> list[TrialRecord]:
        """The ``records`` without failures, the best first; among equals the first suggested.

        Without constraints the score of the best epoch decides. With constraints, whole trainings
        that hold them come first. Stopped ones that hold them follow, as a network that has learnt
        little does not follow the shortcut yet. Then come the others, the smallest violation first.
        """
        ended = [r for r in records if r.status.may_win and r.best_epoch]
        return sorted(ended, key=self._key)

    def _key(self, record: TrialRecord) -> tuple[float, bool, tuple[float, int]]:
        beyond = violation(self.constraints, record.best)
        stopped = bool(self.constraints) and record.status is Status.PRUNED
        return beyond, stopped, record.rank

    def judge(self, runs: Sequence[TrialRecord]) -> tuple["Judgement", ...]:
        """Whether trainings of one setting, at least one, hold each constraint."""
        shares = {name: [run.best[name] for run in runs] for name in self.constraints}
        return tuple(
            Judgement(name, limit, mean(shares[name]), *bootstrap(shares[name], self.images[name]))
            for name, limit in self.constraints.items()
        )


@dataclass(frozen=True)
class Judgement:
    """A constraint and a setting's value for it.

    Attributes:
        metric: the bounded metric.
        limit: the bound.
        mean: mean of the trainings.
        low: lower end of the mean's 95% bootstrap interval.
        high: upper end of that interval.
    """

    metric: str
    limit: Limit
    mean: float
    low: float
    high: float

    @property
    def excess(self) -> float:
        """The distance of the interval's worse end beyond the bound; 0 or less if it holds."""
        return self.limit.worst(self.low, self.high)

    def described(self) -> dict[str, Any]:
        """The judgement as JSON values."""
        figures = {"mean": self.mean, "low": self.low, "high": self.high}
        limit = self.limit.model_dump(exclude_none=True)
        return {**limit, **figures, "holds": self.excess <= 0}

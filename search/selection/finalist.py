"""A setting that may win, and the results of its trainings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import mean, stdev
from typing import Any

from search.selection.ablation import EffectEstimate
from search.selection.rule import Judgement, Rule
from search.trials.board import TrialBoard
from search.trials.record import Status, TrialRecord
from trainables.recipe import Value

MIN_SEEDS = 3  # for an estimate of luck: the mean of two seeds is too uncertain


@dataclass(frozen=True)
class Finalist:
    """A setting that may win, with the trainings that decide.

    Attributes:
        trial: the search's trial by which it was chosen.
        runs: its whole trainings with fresh seeds; the trial itself if there are none.
        judgements: its values for each constraint.
        delivered: the training whose weights are delivered: the best score among those that hold
            the constraints by themselves; if none does, the one that breaks them least.
        failed: number of failed trainings, which are not in ``runs``.
        seeds: number of planned trainings.
        out: whether it left the race because it could not reach the leader.
    """

    trial: TrialRecord
    runs: tuple[TrialRecord, ...]
    judgements: tuple[Judgement, ...]
    delivered: TrialRecord
    failed: int = 0
    seeds: int = 1
    out: bool = False

    @classmethod
    def of(
        cls,
        trial: TrialRecord,
        runs: Sequence[TrialRecord],
        rule: Rule,
        failed: int = 0,
        seeds: int = 1,
    ) -> "Finalist":
        """A setting with its trainings, at least one."""
        delivered = rule.order(runs)[0]
        return cls(trial, tuple(runs), rule.judge(runs), delivered, failed, seeds)

    @property
    def trainings(self) -> str:
        """The number of its trainings: ``3``, ``2 of 3`` if one failed, or ``1 of 3, out``."""
        ended = len(self.runs)
        if self.out:
            return f"{ended} of {self.seeds}, out"
        return f"{ended} of {ended + self.failed}" if self.failed else str(ended)

    @property
    def status(self) -> str:
        """``whole``, or after how many of its seeds it left the race."""
        return f"out after {len(self.runs)} of {self.seeds} seeds" if self.out else "whole"

    @property
    def scores(self) -> list[float]:
        """The score of each training."""
        return [run.best_score for run in self.runs]

    @property
    def mean(self) -> float:
        """Mean score."""
        return mean(self.scores)

    @property
    def std(self) -> float | None:
        """Standard deviation of the sample of seeds (over n - 1); None for a single one."""
        return deviation(self.scores)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95% interval of the mean, by Student's t; None for a single training."""
        return interval(self.scores)

    @property
    def luck(self) -> EffectEstimate | None:
        """By how much the search's score exceeded the mean over fresh seeds.

        None for a trial that was stopped early, and for fewer than three seeds.
        """
        if self.trial.status is not Status.COMPLETED or len(self.runs) < MIN_SEEDS:
            return None
        return EffectEstimate.of([self.trial.best_score - each for each in self.scores])

    @property
    def feasible(self) -> bool:
        """True if every constraint holds."""
        return self.excess <= 0

    @property
    def excess(self) -> float:
        """The sum of the amounts by which constraints are broken; 0 if all hold."""
        return sum(max(0.0, each.excess) for each in self.judgements)

    def mean_of(self, name: str) -> float | None:
        """Mean of another metric at the best epochs; None if it was not measured."""
        figures = [run.best[name] for run in self.runs if name in run.best]
        return mean(figures) if figures else None

    def expected(self) -> dict[str, Any]:
        """What to expect of a training of the setting, in the form of ``summary.json``.

        It covers the score, and the accuracy if that is another metric.
        """
        figures: dict[str, Any] = {}
        for name in self.trial.judged:
            values = [run.best[name] for run in self.runs]
            figures |= {f"{name}_mean": mean(values), f"{name}_std": deviation(values)}
            figures[f"{name}_interval"] = interval(values)
        return {**figures, "seeds": len(self.runs)}

    def described(self) -> dict[str, Any]:
        """The finalist in the form of ``summary.json``."""
        measured = {
            "conflicting_accuracy_mean": self.mean_of("val_accuracy_conflicting"),
            "digit_following_mean": self.mean_of("digit_following"),
        }
        judged = {each.metric: each.described() for each in self.judgements}
        luck = self.luck
        return {
            "trial_id": self.trial.trial_id,
            "trial": self.trial.label,
            "status": self.status,
            f"search_{self.trial.spec.job.metric}": self.trial.best_score,
            **self.expected(),
            "luck": luck and luck.mean,
            "luck_interval": luck and (luck.low, luck.high),
            "failed_seeds": self.failed,
            **{name: value for name, value in measured.items() if value is not None},
            **({"constraints": judged, "feasible": self.feasible} if judged else {}),
            "runs": [run.trial_id for run in self.runs],
            "delivered": self.delivered.trial_id,
            "params": self.trial.values,
        }


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation of a sample; None for a single value."""
    return stdev(values) if len(values) > 1 else None


def interval(shares: Sequence[float]) -> tuple[float, float] | None:
    """The 95% interval of the mean of shares, by Student's t; None for a single one."""
    estimate = EffectEstimate.of(shares)
    return None if estimate is None else (max(0.0, estimate.low), min(1.0, estimate.high))


def ranked(finalists: Iterable[Finalist]) -> list[Finalist]:
    """The finalists in order: first those that hold every constraint, by their means, then the
    others by how little they break them.

    A finalist with failed trainings comes after those without, as the mean of the rest is that of
    its lucky seeds.
    """
    return sorted(
        finalists, key=lambda each: (each.excess, each.failed, -each.mean, each.trial.number)
    )


def repeated(board: TrialBoard, rule: Rule, settings: int) -> list[TrialRecord]:
    """The trials whose settings are trained again, the best first, at most ``settings``.

    If several trials have the same setting, only the best counts, as all would be trained with the
    same seeds.
    """
    return list(islice(distinct(rule.order(board.records)), settings))


def distinct(records: Iterable[TrialRecord]) -> Iterator[TrialRecord]:
    """The first trial of each setting."""
    known: set[frozenset[tuple[str, Value]]] = set()
    for record in records:
        if (choice := record.spec.choice) not in known:
            known.add(choice)
            yield record

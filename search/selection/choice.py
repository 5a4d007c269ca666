"""Which trial wins: first which settings are trained again, then which of them is the best."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean, median_low, stdev
from typing import Any

from search.selection.rule import Judgement, Rule
from search.trials.board import TrialBoard
from search.trials.record import Status, TrialRecord
from search.trials.search_board import SearchBoard
from trainables.recipe import Value

SAVED_TRIALS = 3  # that ended and keep their weights, as the baseline and the finalists do


@dataclass(frozen=True)
class Finalist:
    """A setting that may win, with the trainings that decide.

    Attributes:
        trial: the search's, by which it was chosen.
        runs: its trainings to the end with fresh seeds; the trial itself where there are none.
        judgements: how it stands to each constraint.
        failed: of its trainings, how many failed and are not among ``runs``.
    """

    trial: TrialRecord
    runs: tuple[TrialRecord, ...]
    judgements: tuple[Judgement, ...]
    failed: int = 0

    @property
    def seeds(self) -> str:
        """How many trainings its figures are of: ``3``, or ``2 of 3`` where one failed."""
        ended = len(self.runs)
        return f"{ended} of {ended + self.failed}" if self.failed else str(ended)

    @property
    def accuracies(self) -> list[float]:
        """Validation accuracy of each training."""
        return [run.best_accuracy for run in self.runs]

    @property
    def mean(self) -> float:
        """Mean validation accuracy."""
        return mean(self.accuracies)

    @property
    def std(self) -> float | None:
        """Standard deviation over the seeds (of a sample: over n - 1); None of a single one."""
        return stdev(self.accuracies) if len(self.runs) > 1 else None

    @property
    def luck(self) -> float | None:
        """What the search's score had over the mean; None of a trial that was stopped early."""
        whole = self.trial.status is Status.COMPLETED
        return self.trial.best_accuracy - self.mean if whole else None

    @property
    def feasible(self) -> bool:
        """True if every constraint holds."""
        return self.excess <= 0

    @property
    def excess(self) -> float:
        """The sum of what constraints are broken by; 0 if all hold."""
        return sum(max(0.0, each.excess) for each in self.judgements)

    @property
    def representative(self) -> TrialRecord:
        """The training of the median accuracy: the best of them would be a lucky one again."""
        middle = median_low(self.accuracies)
        return next(run for run in self.runs if run.best_accuracy == middle)

    def mean_of(self, name: str) -> float | None:
        """Mean of another figure at the best epochs; None where it was not measured."""
        figures = [run.best[name] for run in self.runs if name in run.best]
        return mean(figures) if figures else None

    def described(self) -> dict[str, Any]:
        """As ``summary.json`` holds it."""
        measured = {
            "conflicting_accuracy_mean": self.mean_of("val_accuracy_conflicting"),
            "digit_following_mean": self.mean_of("digit_following"),
        }
        judged = {each.metric: each.described() for each in self.judgements}
        return {
            "trial_id": self.trial.trial_id,
            "trial": self.trial.label,
            "search_accuracy": self.trial.best_accuracy,
            "val_accuracy_mean": self.mean,
            "val_accuracy_std": self.std,
            "luck": self.luck,
            "seeds": len(self.runs),
            "failed_seeds": self.failed,
            **{name: value for name, value in measured.items() if value is not None},
            **({"constraints": judged, "feasible": self.feasible} if judged else {}),
            "runs": [run.trial_id for run in self.runs],
            "params": self.trial.values,
        }


@dataclass(frozen=True)
class Selection:
    """A search's outcome.

    Attributes:
        finalists: settings that were trained again, the winner's first; empty if none were.
        winner: the training that stands for the winner; None if there is none.
        judgements: how the winner stands to each constraint.
    """

    finalists: tuple[Finalist, ...]
    winner: TrialRecord | None
    judgements: tuple[Judgement, ...]

    @property
    def confirmed(self) -> bool:
        """True if the winner was trained again."""
        return bool(self.finalists)

    @property
    def feasible(self) -> bool:
        """True if the winner holds every constraint."""
        return all(each.excess <= 0 for each in self.judgements)


def repeated(board: TrialBoard, rule: Rule, settings: int) -> list[TrialRecord]:
    """The trials whose settings are trained again, the best first, at most ``settings``.

    Of several trials of one setting the best stands for it: all would be trained with the same
    seeds.
    """
    return _distinct(rule.order(board.records))[:settings]


def so_far(board: SearchBoard) -> Selection:
    """The best trial while a search runs, by accuracy alone: cheap, and not yet the choice."""
    return Selection((), board.trials.best(), ())


def choose(board: SearchBoard, rule: Rule) -> Selection:
    """The choice among the finalists, once all have been trained; before, among the trials."""
    finalists = _finalists(board, rule) if board.is_whole else []
    contenders = finalists or _unconfirmed(board.trials.records, rule)
    if not contenders:
        return Selection((), None, ())
    best = contenders[0]
    return Selection(tuple(finalists), best.representative, best.judgements)


def _finalists(board: SearchBoard, rule: Rule) -> list[Finalist]:
    completed: dict[int, list[TrialRecord]] = {}
    failed: Counter[int | None] = Counter()
    for run in board.finals.records:
        repeats = run.spec.repeats
        if run.status is Status.COMPLETED and repeats is not None:
            completed.setdefault(repeats, []).append(run)
        failed[repeats] += run.status is Status.FAILED
    trials = {record.number: record for record in board.trials.records}
    return _ranked(
        Finalist(trials[n], tuple(runs), rule.judge(runs), failed[n])
        for n, runs in completed.items()
    )


def best_first(records: Iterable[TrialRecord], rule: Rule) -> list[TrialRecord]:
    """A trial of each setting: the one that wins without finals, then the others in their order."""
    order = rule.order(records)
    first = [each.trial for each in _unconfirmed(order, rule)[:1]]
    return _distinct([*first, *order])


def _distinct(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """The first of each setting."""
    first: dict[frozenset[tuple[str, Value]], TrialRecord] = {}
    for record in records:
        first.setdefault(record.spec.choice, record)
    return list(first.values())


def worth_keeping(records: Iterable[TrialRecord], rule: Rule, max_trials: int) -> list[TrialRecord]:
    """The ``max_trials`` best of the trials, and the one that would win without finals."""
    order = rule.order(records)
    first = [each.trial for each in _unconfirmed(order, rule)[:1]]
    return list({record.trial_id: record for record in (*order[:max_trials], *first)}.values())


def _unconfirmed(records: Iterable[TrialRecord], rule: Rule) -> list[Finalist]:
    """The trials as they are. Bound by constraints, one that was stopped early wins only if no
    other has ended: it might hold them for having learnt nothing."""
    order = rule.order(records)
    if not rule.constraints:
        return [Finalist(record, (record,), ()) for record in order[:1]]
    whole = [record for record in order if record.status is Status.COMPLETED] or order
    return _ranked(Finalist(each, (each,), rule.judge([each])) for each in whole)


def _ranked(finalists: Iterable[Finalist]) -> list[Finalist]:
    """Those that hold every constraint first, by their means; then by how little they
    break them.

    One of which trainings failed comes after those of which none did: the mean of the
    others is that of its lucky seeds.
    """
    return sorted(
        finalists, key=lambda each: (each.excess, each.failed, -each.mean, each.trial.number)
    )

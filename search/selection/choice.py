"""Chooses the winner: first the settings to train again, then the best of these."""

from collections.abc import Iterable
from dataclasses import dataclass

from search.selection.finalist import Finalist, distinct, ranked
from search.selection.race import race_of
from search.selection.rule import Judgement, Rule
from search.trials.record import Status, TrialRecord
from search.trials.search_board import SearchBoard

SAVED_TRIALS = 3  # ended trials that keep their weights, besides the baseline and the finalists


@dataclass(frozen=True)
class Selection:
    """The outcome of a search.

    Attributes:
        finalists: settings that were trained again, the winner's first; empty if none were.
        winner: the training whose weights are delivered; None if there is none.
        judgements: the winner's values for each constraint.
        baseline: the source's own settings, by the same trainings; None if they failed.
    """

    finalists: tuple[Finalist, ...]
    winner: TrialRecord | None
    judgements: tuple[Judgement, ...]
    baseline: Finalist | None = None

    @property
    def confirmed(self) -> bool:
        """True if the winner was trained again."""
        return bool(self.finalists)

    @property
    def feasible(self) -> bool:
        """True if the winner holds every constraint."""
        return all(each.excess <= 0 for each in self.judgements)


def so_far(board: SearchBoard) -> Selection:
    """The best trial of a running search, by its score alone: a cheap preview of the choice."""
    return Selection((), board.trials.best(), ())


def choose(board: SearchBoard, rule: Rule) -> Selection:
    """The choice among the finalists once the race is over, and among the trials before."""
    race = race_of(board, rule)
    finalists = race.finalists if board.trials.is_whole and race.decides else ()
    contenders = finalists or _unconfirmed(board.trials.records, rule)
    if not contenders:
        return Selection((), None, ())
    best = contenders[0]
    return Selection(finalists, best.delivered, best.judgements, _baseline(board, finalists, rule))


def _baseline(board: SearchBoard, finalists: Iterable[Finalist], rule: Rule) -> Finalist | None:
    """The source's own settings, measured like the winner if they were trained again."""
    again = next((each for each in finalists if each.trial.spec.is_baseline), None)
    alone = board.trials.baseline()
    if again is None and alone is not None and alone.best_epoch and alone.status.may_win:
        return Finalist.of(alone, [alone], rule)
    return again


def best_first(records: Iterable[TrialRecord], rule: Rule) -> list[TrialRecord]:
    """One trial for each setting: the winner without finals, then the others in their order."""
    order = rule.order(records)
    first = [each.trial for each in _unconfirmed(order, rule)[:1]]
    return list(distinct([*first, *order]))


def worth_keeping(records: Iterable[TrialRecord], rule: Rule, max_trials: int) -> list[TrialRecord]:
    """The ``max_trials`` best of the trials, and the one that would win without finals."""
    order = rule.order(records)
    first = [each.trial for each in _unconfirmed(order, rule)[:1]]
    return list({record.trial_id: record for record in (*order[:max_trials], *first)}.values())


def _unconfirmed(records: Iterable[TrialRecord], rule: Rule) -> list[Finalist]:
    """The trials without finals. With constraints, a trial that was stopped early wins only if no
    whole one has ended: it might hold them because it has learnt nothing."""
    order = rule.order(records)
    if not rule.constraints:
        return [Finalist.of(record, [record], rule) for record in order[:1]]
    whole = [record for record in order if record.status is Status.COMPLETED] or order
    return ranked(Finalist.of(each, [each], rule) for each in whole)

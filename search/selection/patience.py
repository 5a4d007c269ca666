"""Decides whether a search still makes progress."""

from math import sqrt

from search.selection.rule import Rule
from search.space.constraints import violation
from search.trials.record import Status, TrialRecord


class Patience:
    """Counts the trials that ended since the best last improved by more than a standard error.

    The standard error is that of the best score as a share of so many images. Failed trials do not
    count. With constraints, the best is taken from the whole trainings that hold them; before there
    is one, from the stopped ones that hold them, and before that from all. The first trial of a
    better kind counts as an improvement.

    Args:
        trials: number of trials that may end without an improvement.
        rule: the rule with the constraints.
        images: number of validation images whose share has about the score's sampling error.
    """

    def __init__(self, trials: int, rule: Rule, images: float) -> None:
        self._trials, self._rule, self._images = trials, rule, images
        self._best = (-1, 0.0)  # kind and score
        self.waited = 0

    @property
    def is_exhausted(self) -> bool:
        """True if ``trials`` trials have ended without an improvement."""
        return self.waited >= self._trials

    def ended(self, record: TrialRecord) -> None:
        """A trial has ended."""
        if not (record.status.may_win and record.best_epoch):
            return
        kind, figure = self._kind(record), record.best_score
        best_kind, best = self._best
        if kind > best_kind or (kind == best_kind and figure > best + self._standard_error(best)):
            self._best, self.waited = (kind, figure), 0
        else:
            self.waited += 1

    def _kind(self, record: TrialRecord) -> int:
        if violation(self._rule.constraints, record.best) > 0:
            return 0
        stopped = bool(self._rule.constraints) and record.status is Status.PRUNED
        return 1 if stopped else 2

    def _standard_error(self, share: float) -> float:
        return sqrt(share * (1 - share) / self._images)

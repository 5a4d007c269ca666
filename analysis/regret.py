"""Selection regret: the accuracy that a search would have lost by choosing on a biased split.

Suppose that the digits of a validation split agree with a share s of the labels. The expected
accuracy on it is s times the accuracy on aligned images plus (1 - s) times that on conflicting
ones. Both were recorded on the unbiased split at every epoch.
"""

from dataclasses import dataclass

from analysis.trials import RecordedSearch, RecordedTrial
from trainables.data.composite import CHANCE, KINDS


@dataclass(frozen=True)
class Candidate:
    """One epoch of one trial.

    Attributes:
        trial: the trial's number.
        label: the trial's name.
        epoch: the epoch, from 1.
        unbiased: accuracy on the unbiased split.
        biased: expected accuracy on a split that is biased like the training images.
        conflicting: accuracy on conflicting images.
        following: share of the conflicting images that are predicted as their digit.
        baseline: whether the trial has the source's own settings.
    """

    trial: int
    label: str
    epoch: int
    unbiased: float
    biased: float
    conflicting: float
    following: float
    baseline: bool


@dataclass(frozen=True)
class Regret:
    """The choice on the unbiased split and the choice on the biased one.

    Attributes:
        candidates: every recorded epoch of every trial that ended, in order.
        honest: the first candidate with the highest unbiased accuracy.
        misled: the first candidate with the highest biased accuracy.
    """

    candidates: tuple[Candidate, ...]
    honest: Candidate
    misled: Candidate

    @property
    def accuracy(self) -> float:
        """Unbiased accuracy that the biased choice loses, 0 or more."""
        return self.honest.unbiased - self.misled.unbiased

    @property
    def conflicting(self) -> float:
        """Accuracy on conflicting images that the biased choice loses."""
        return self.honest.conflicting - self.misled.conflicting

    @property
    def following(self) -> float:
        """Digit following that the biased choice adds."""
        return self.misled.following - self.honest.following


def aligned_share(forced: float) -> float:
    """The share of aligned images if the digit is forced to agree for a share ``forced``."""
    return forced + (1 - forced) / KINDS


def regret_of(search: RecordedSearch, share: float, recorded: float = CHANCE) -> Regret | None:
    """The regret of choosing on a split of which ``share`` is aligned; None without epochs.

    Args:
        search: the search with its trials.
        share: share of the biased split's images whose digit agrees with the label.
        recorded: the same share of the search's own validation split. Unless it is chance, the
            unbiased accuracy is the expected one, computed from the two groups.
    """
    candidates = tuple(
        candidate
        for trial in search.trials
        if trial.record.status.may_win
        for candidate in _candidates(trial, share, recorded)
    )
    if not candidates:
        return None
    honest = max(candidates, key=lambda candidate: candidate.unbiased)
    misled = max(candidates, key=lambda candidate: candidate.biased)
    return Regret(candidates, honest, misled)


def _mixed(share: float, aligned: float, conflicting: float) -> float:
    return share * aligned + (1 - share) * conflicting


def _candidates(trial: RecordedTrial, share: float, recorded: float) -> list[Candidate]:
    aligned, conflicting, following = (
        dict(trial.history.get(name, []))
        for name in ("val_accuracy_aligned", "val_accuracy_conflicting", "digit_following")
    )
    return [
        Candidate(
            trial=trial.record.number,
            label=trial.record.label,
            epoch=epoch,
            unbiased=accuracy
            if recorded == CHANCE
            else _mixed(CHANCE, aligned[epoch], conflicting[epoch]),
            biased=_mixed(share, aligned[epoch], conflicting[epoch]),
            conflicting=conflicting[epoch],
            following=following[epoch],
            baseline=trial.record.spec.is_baseline,
        )
        for epoch, accuracy in trial.history.get("val_accuracy", [])
        if epoch in aligned and epoch in conflicting and epoch in following
    ]

"""How a whole search stands: its own trials, its finals and its time."""

import time
from dataclasses import dataclass, field

from search.trials.board import TrialBoard
from search.trials.record import Status, TrialRecord
from search.trials.spec import TrialSpec


@dataclass
class Clock:
    """Wall time that a search has taken.

    Attributes:
        earlier_seconds: what it had taken before it was interrupted.
        limit: what it may take in all; None for any time.
    """

    earlier_seconds: float = 0.0
    limit: float | None = None
    _begun: float = field(default_factory=time.monotonic)
    _stopped: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        now = time.monotonic() if self._stopped is None else self._stopped
        return self.earlier_seconds + now - self._begun

    def stop(self) -> None:
        """Let no more time count."""
        self._stopped = time.monotonic() if self._stopped is None else self._stopped


class SearchBoard:
    """A search as a whole: its own trials, and the finals that follow on them.

    Args:
        requested: trials that the search was asked for, without its finals.
        epochs: maximum of one trial.
        train_images: images of an epoch.
        finalists: maximum of settings that are trained again once all trials have ended, besides
            the baseline's.
        seeds: how often each of them is.
        earlier_seconds: what the search had taken before it was interrupted.
    """

    def __init__(
        self,
        requested: int,
        epochs: int,
        train_images: int,
        finalists: int = 0,
        seeds: int = 0,
        earlier_seconds: float = 0.0,
    ) -> None:
        self.trials = TrialBoard(requested, epochs, train_images)
        most = (finalists + 1) * seeds if finalists else 0  # the baseline's too
        self.finals = TrialBoard(most, epochs, train_images)
        self.finalists, self.seeds = finalists, seeds
        self.clock = Clock(earlier_seconds)
        self.ended_by = (
            ""  # the limit that ended it before all of that had run, as the user wrote it
        )

    @property
    def records(self) -> list[TrialRecord]:
        """The trials, then the finalists' trainings, in the order of their numbers."""
        return [*self.trials.records, *self.finals.records]

    def board_of(self, spec: TrialSpec) -> TrialBoard:
        """The board that a trial belongs to."""
        return self.trials if spec.repeats is None else self.finals

    def record(self, trial_id: str) -> TrialRecord:
        """How a trial stands, or a finalist's training."""
        return (self.trials if self.trials.knows(trial_id) else self.finals).record(trial_id)

    @property
    def any_failed(self) -> bool:
        """True if a trial or a finalist's training failed."""
        return self.trials.count(Status.FAILED) + self.finals.count(Status.FAILED) > 0

    @property
    def epochs(self) -> int:
        """Epochs done by trials and finals together."""
        return self.trials.epochs + self.finals.epochs

    @property
    def images(self) -> int:
        """Training images seen by trials and finals together."""
        return self.trials.images + self.finals.images

    @property
    def last_event(self) -> float:
        """Time of the last event, seconds since 1970; 0 before any."""
        return max((record.at for record in self.records), default=0.0)

    def interrupt(self) -> list[TrialRecord]:
        """The trials that still run, marked as interrupted."""
        return [*self.trials.interrupt(), *self.finals.interrupt()]

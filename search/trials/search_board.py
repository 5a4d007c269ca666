"""The state of a whole search: its trials, its finals and its time."""

import time
from dataclasses import dataclass, field

from search.trials.board import TrialBoard
from search.trials.record import Status, TrialRecord
from search.trials.spec import TrialSpec


@dataclass
class Clock:
    """The wall time that a search has taken.

    Attributes:
        earlier_seconds: time that its earlier runs took.
        limit: maximum time of all its runs together; None without a limit.
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
        """Stop counting time."""
        self._stopped = time.monotonic() if self._stopped is None else self._stopped


class SearchBoard:
    """A search as a whole: its trials, and the finals that follow.

    Args:
        requested: number of trials that were asked for, without finals.
        epochs: maximum number of epochs of a trial.
        train_images: number of images of an epoch.
        finalists: maximum number of settings that are trained again once all trials have ended,
            besides the baseline's.
        seeds: number of trainings of each of them.
        earlier_seconds: time that the search's earlier runs took.
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
        self.ended_by = ""  # the limit that ended the search early, as the user wrote it

    @property
    def records(self) -> list[TrialRecord]:
        """The trials, then the finalists' trainings, in the order of their numbers."""
        return [*self.trials.records, *self.finals.records]

    def board_of(self, spec: TrialSpec) -> TrialBoard:
        """The board that a trial belongs to."""
        return self.trials if spec.repeats is None else self.finals

    def record(self, trial_id: str) -> TrialRecord:
        """The record of a trial, or of a finalist's training."""
        return (self.trials if self.trials.knows(trial_id) else self.finals).record(trial_id)

    @property
    def any_failed(self) -> bool:
        """True if a trial or a finalist's training failed."""
        return self.trials.count(Status.FAILED) + self.finals.count(Status.FAILED) > 0

    @property
    def epochs(self) -> int:
        """The number of epochs of trials and finals together."""
        return self.trials.epochs + self.finals.epochs

    @property
    def images(self) -> int:
        """The number of training images that trials and finals together have seen."""
        return self.trials.images + self.finals.images

    @property
    def last_event(self) -> float:
        """The time of the last event, in seconds since 1970; 0 before the first."""
        return max((record.at for record in self.records), default=0.0)

    def interrupt(self) -> list[TrialRecord]:
        """The trials that still run, marked as interrupted."""
        return [*self.trials.interrupt(), *self.finals.interrupt()]

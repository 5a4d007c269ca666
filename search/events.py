"""From Ray Tune's callbacks to the scoreboard and to everyone who follows a search."""

import re
from pathlib import Path
from typing import Any, Protocol

from ray.tune import Callback
from ray.tune.experiment import Trial

from search.scoreboard import Scoreboard, TrialRecord
from search.task import Task

# What a trial reports; Tune adds some twenty keys of its own.
METRICS = (
    "train_loss",
    "train_accuracy",
    "train_accuracy_clean",
    "val_loss",
    "val_accuracy",
    "val_accuracy_aligned",
    "val_accuracy_conflicting",
    "digit_following",
    "lr",
    "images_per_second",
    "epoch_seconds",
    "report_seconds",
)


class Follower(Protocol):
    """Someone who is told of a search's events, on the thread that runs it; must not block."""

    def trial_started(self, record: TrialRecord) -> None:
        """A trial began."""

    def epoch_ended(self, record: TrialRecord) -> None:
        """A trial finished an epoch; its figures are ``record.last``."""

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial completed, was pruned, or failed."""


class Events(Callback):  # type: ignore[misc]
    """Tune's callback: keeps the scoreboard and passes every event on.

    Tune pickles its callbacks into the search's directory. Followers hold threads and terminals, so
    a copy from there has none: it is the driver that makes them.
    """

    def __init__(self, board: Scoreboard, followers: list[Follower]) -> None:
        self._board, self._followers = board, followers

    def __reduce__(self) -> tuple[Any, ...]:
        board = self._board
        return _without_followers, (board.requested, board.max_epochs, board.train_images)

    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """Tune started or restarted a trial."""
        task = Task.from_config(trial.config)
        record = self._board.started(
            trial.trial_id, task.number, task.values, task.label, task.stream
        )
        for follower in self._followers:
            follower.trial_started(record)

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Trial],
        trial: Trial,
        result: dict[str, Any],
        **_: Any,
    ) -> None:
        """A trial reported an epoch."""
        metrics = {name: float(result[name]) for name in METRICS if name in result}
        record = self._board.reported(trial.trial_id, int(result["epoch"]), metrics)
        for follower in self._followers:
            follower.epoch_ended(record)

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        """A trial ended, at the budget's end or stopped by the scheduler."""
        record = self._board.ended(trial.trial_id)
        for follower in self._followers:
            follower.trial_ended(record)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """A trial raised, or its worker died, perhaps before the trial began."""
        if not self._board.knows(trial.trial_id):
            self.on_trial_start(iteration, trials, trial)
        record = self._board.failed(trial.trial_id, _reason(trial))
        for follower in self._followers:
            follower.trial_ended(record)


def _without_followers(requested: int, epochs: int, train_images: int) -> Events:
    return Events(Scoreboard(requested, epochs, train_images), [])


def _reason(trial: Trial) -> str:
    """The last line of a trial's error, without the modules before the exception's name.

    Read from the driver's own copy of the file: Tune has not moved it to storage yet.
    """
    path = trial.error_file
    text = Path(path).read_text(errors="replace") if path and Path(path).is_file() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"^(\w+\.)+(?=\w+: )", "", lines[-1]) if lines else "unknown error"

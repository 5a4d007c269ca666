"""Ends the stages of a search early: at its time limit, or for lack of progress."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ray.tune import Stopper as TuneStopper
from ray.tune.stopper import NoopStopper

from search.driver.events import TrialListener
from search.driver.finals_plan import FinalsPlan, plan_finals
from search.request.termination import Termination
from search.selection.patience import Patience
from search.selection.race import trained_again
from search.selection.rule import Rule
from search.trials.board import TrialBoard
from search.trials.record import Status, TrialRecord
from search.trials.search_board import SearchBoard

CLOSING = 5.0  # seconds reserved to close records, save weights and end Ray
MARGIN = 1.2  # factor by which the finals may take longer than measured
SHARE = 0.5  # largest share of the time that is reserved for the finals
KILLED = 0.3  # seconds after which a worker that is still within an epoch is ended
REFRESH = 1.0  # seconds between two estimates of the finals' duration


class Terminator(TuneStopper, TrialListener):  # type: ignore[misc]
    """Tune's stopper, and a listener: ends the trials of a search in time, then its finals.

    A trial is stopped after an epoch if the next one would not end in time. A trial that is still
    within an epoch at the limit is killed, and counts with the epochs that it has.

    Args:
        termination: the limits of the search.
        board: the state of the search, with its clock.
        rule: the rule that orders its trials.
        patience: counts trials without progress; None without that limit.
        slots: the number of trials that run at once now.
        end_workers: ends the running workers after the given seconds.
    """

    def __init__(
        self,
        termination: Termination,
        board: SearchBoard,
        rule: Rule,
        patience: Patience | None,
        slots: Callable[[], int],
        end_workers: Callable[[float], object],
    ) -> None:
        self._termination, self._board, self._rule = termination, board, rule
        self._patience, self._slots, self._end_workers = patience, slots, end_workers
        self._first: dict[str, tuple[float, int]] = {}  # time and number of the first epoch seen
        self._paces: dict[str, float] = {}  # seconds of an epoch, by trial
        self._tuned_at: float | None = None  # time at which Tune began
        self._start: float | None = None  # seconds until the first worker trained
        self._end, self._planned_at = float("inf"), float("-inf")
        self._in_finals = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Tune pickles its stopper. The board's lock cannot be pickled, and nothing reads the copy.
        return NoopStopper, ()

    @property
    def time_is_up(self) -> bool:
        """True if the time limit closed the trials."""
        in_time = self._board.clock.seconds < self._stage_end()
        return self._board.ended_by == self._termination.by_time or not in_time

    @property
    def _stage(self) -> TrialBoard:
        return self._board.finals if self._in_finals else self._board.trials

    @property
    def _whole(self) -> float:
        """The time by the search's clock at which all training must have ended."""
        seconds = self._termination.seconds
        return float("inf") if seconds is None else seconds - CLOSING

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """True if a trial must stop after this epoch."""
        last = result.get("done") or result.get("epoch", 0) >= self._board.trials.max_epochs
        next_ends = self._board.clock.seconds + result.get("epoch_seconds", 0.0)
        if last or self._in_finals or next_ends <= self._stage_end():
            return False
        self._board.ended_by = self._board.ended_by or self._termination.by_time
        return True

    def stop_all(self) -> bool:
        """True if the stage is over, even if workers are still within an epoch."""
        if self._board.clock.seconds < self._stage_end():
            return False
        self._close(self._termination.by_time)
        self._end_workers(KILLED)
        return True

    def may_begin(self, *, resumed: bool = False) -> bool:
        """True if one more trial, or one more training of the finals, may begin.

        After a lack of progress only ``resumed`` ones may.
        """
        now = self._board.clock.seconds
        self._tuned_at = now if self._tuned_at is None else self._tuned_at
        if now + self._shortest() > self._stage_end():
            self._close(self._termination.by_time)
            return False
        return resumed or not self._stage.closed

    def epoch_ended(self, record: TrialRecord) -> None:
        """Note the duration of its epochs, the longer of the worker's and the driver's measure."""
        now = self._board.clock.seconds
        if self._start is None:
            tuned_at = now if self._tuned_at is None else self._tuned_at
            self._start = max(0.0, now - tuned_at - record.epoch_seconds)
        since, epoch = self._first.setdefault(record.trial_id, (now, record.epochs))
        pace = (now - since) / max(1, record.epochs - epoch)
        self._paces[record.trial_id] = max(record.epoch_seconds, pace)

    def trial_ended(self, record: TrialRecord) -> None:
        """Close the trials if too many have ended without progress."""
        if self._patience is None or record.spec.repeats is not None:
            return
        self._patience.ended(record)
        if self._patience.is_exhausted and not self._board.trials.is_whole:
            self._close(self._termination.by_patience)

    def recall(self, records: Iterable[TrialRecord]) -> None:
        """Load what an earlier run of the search has trained."""
        for record in sorted(records, key=lambda each: each.at):
            if record.epochs:
                self._paces[record.trial_id] = record.epoch_seconds
            if record.status.is_final:
                self.trial_ended(record)

    def begin_finals(self) -> None:
        """Reduce the finals to those that fit into the time left; the trials have ended."""
        self._in_finals = True
        if self._termination.seconds is None:
            return
        asked = self._board.finalists, self._board.seeds
        plan = self._plan(self._whole - self._board.clock.seconds)
        if (plan.finalists, plan.seeds) != asked:
            self._board.ended_by = self._board.ended_by or self._termination.by_time
        if plan.finalists:
            self._board.finalists, self._board.seeds = plan.finalists, plan.seeds
        elif self._board.finalists:
            self._stage.closed = True

    def _close(self, by: str) -> None:
        self._board.ended_by = self._board.ended_by or by
        self._stage.closed = True

    def _stage_end(self) -> float:
        """The time at which the stage must end; the trials leave the finals their share."""
        if self._in_finals or self._termination.seconds is None:
            return self._whole
        now = self._board.clock.seconds
        if now < self._end and now - self._planned_at >= REFRESH:
            self._planned_at = now
            most = min(SHARE * self._whole, self._whole - now) / MARGIN
            self._end = self._whole - MARGIN * self._plan(most).seconds
        return self._end

    def _plan(self, seconds: float) -> FinalsPlan:
        board = self._board
        if not self._paces:
            return FinalsPlan()
        asked = board.finalists, board.seeds
        return plan_finals(self._lengths, *asked, self._slots(), self._start or 0.0, seconds)

    def _lengths(self, finalists: int, seeds: int) -> list[float]:
        """The seconds of each remaining training of so many finalists and the baseline.

        Settings that are not known yet count with the average.
        """
        settings = trained_again(self._board, self._rule, finalists)
        runs = (run for run in self._board.finals.records if run.status is Status.COMPLETED)
        ended, epochs = Counter(run.spec.choice for run in runs), self._board.trials.max_epochs
        unknown = 0 if self._in_finals else finalists + 1 - len(settings)
        done = [(self._pace(each), ended[each.spec.choice]) for each in settings]
        done += [(self._usual_pace(), 0)] * unknown
        return [
            pace * epochs
            for seed in range(seeds)
            for pace, seeds_done in done
            if seed < seeds - seeds_done
        ]

    def _pace(self, record: TrialRecord) -> float:
        usual = record.epoch_seconds or self._usual_pace()
        return self._paces.get(record.trial_id, usual)

    def _usual_pace(self) -> float:
        return sum(self._paces.values()) / len(self._paces)

    def _shortest(self) -> float:
        """The seconds of one more trial's first epoch, or of one whole final."""
        if not self._paces:
            return 0.0
        if self._in_finals:
            return min(self._paces.values()) * self._board.finals.max_epochs
        return self._usual_pace()

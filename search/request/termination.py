"""Limits that end a search before all its trials have run: a time, or a lack of progress."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Any

from search.records.search_file import read_search_file
from search.records.summary import read_summary
from search.request.options import SearchOptions
from search.request.time_span import seconds_of, written
from search.trials.text import duration
from trainables.boundary.errors import UsageError


@dataclass(frozen=True)
class Termination:
    """The limits that end the first stage of a search early; the finals follow.

    Attributes:
        time: the time limit as the user wrote it; empty without one.
        seconds: time limit of all the search's runs together; None without one.
        patience: number of trials in a row that may end without progress; None for any.
        began: start of this run by ``time.monotonic``; the limit includes the start-up.
    """

    time: str = ""
    seconds: float | None = None
    patience: int | None = None
    began: float = field(default_factory=monotonic)

    @classmethod
    def of(cls, options: SearchOptions) -> "Termination":
        """The limits that the options ask for."""
        seconds = None if options.time is None else float(seconds_of(options.time))
        return cls(options.time or "", seconds, options.patience)

    @property
    def head_start(self) -> float:
        """Seconds that this run has taken so far; 0 without a time limit."""
        return 0.0 if self.seconds is None else monotonic() - self.began

    @property
    def by_time(self) -> str:
        """The time limit as the records write what ended a search."""
        return f"--time {self.time}"

    @property
    def by_patience(self) -> str:
        """The patience as the records write what ended a search."""
        return f"--patience {self.patience}"

    def lets_go_on(self, summary: dict[str, Any]) -> bool:
        """True if a limit ended the search of ``summary`` and is higher, or absent, now."""
        flag, _, limit = summary.get("ended_by", "").partition(" ")
        if flag == "--time":
            return not self.time or seconds_of(self.time) > seconds_of(limit)
        return flag == "--patience" and (self.patience is None or self.patience > int(limit))

    def shared(self, spent: float, own: float, searches: int) -> "Termination":
        """The limits of one search: its share of the time of a group that runs one by one.

        Args:
            spent: seconds that all its searches have taken.
            own: seconds that this search has taken.
            searches: how many searches are left, this one included.
        """
        if self.seconds is None:
            return self
        share = max(0.0, self.seconds - spent) / searches
        return replace(self, seconds=own + share, began=monotonic())


def twice(ended_by: str, spent: float) -> tuple[str, str]:
    """The flag and value that double the limit which ended a search after ``spent`` seconds.

    If the search took more than twice its limit, as its start alone may, twice what it took.
    """
    flag, _, limit = ended_by.partition(" ")
    if flag == "--patience":
        return flag, str(2 * int(limit))
    seconds = seconds_of(limit)
    return flag, written(2 * (seconds if 2 * seconds > spent else ceil(spent)))


def check_limits(name: str, folders: Sequence[Path], termination: Termination) -> None:
    """Refuse a time limit that the search has already used up.

    Args:
        name: name of the search to resume.
        folders: its folder; for a group the group's folder, then those of its searches.
        termination: the limits that the flags ask for now.

    Raises:
        UsageError: the search has already taken that time or more.
    """
    if read_search_file(folders[0]).flags.get("time") == (termination.time or None):
        return
    spent = sum(read_summary(folder).get("wall_seconds", 0.0) for folder in folders)
    if termination.seconds is not None and termination.seconds <= spent:
        raise UsageError(
            f"--resume {name}: {termination.by_time} limits all its runs together, which have "
            f"taken {duration(spent)}; give a longer time"
        )


def check_open(name: str, folder: Path, termination: Termination) -> None:
    """Raise UsageError if a limit has ended the search, so that a larger budget has no effect."""
    summary = read_summary(folder)
    if (ended_by := summary.get("ended_by")) and not termination.lets_go_on(summary):
        raise UsageError(f"--resume {name}: {ended_by} has ended it; raise that limit as well")

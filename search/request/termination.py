"""What ends a search before all its trials have run: a time, or a lack of progress."""

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
    """What ends the first stage of a search early; then come the finals.

    Attributes:
        time: as the user wrote it, or empty.
        seconds: what the search may take, all its runs together; None without a limit.
        patience: how many trials may end without progress; None for any number.
        began: when this run did, by ``time.monotonic``: what a start takes counts.
    """

    time: str = ""
    seconds: float | None = None
    patience: int | None = None
    began: float = field(default_factory=monotonic)

    @classmethod
    def of(cls, options: SearchOptions) -> "Termination":
        """What the options ask for."""
        seconds = None if options.time is None else float(seconds_of(options.time))
        return cls(options.time or "", seconds, options.patience)

    @property
    def head_start(self) -> float:
        """Seconds that this run has taken until now, of a limited time."""
        return 0.0 if self.seconds is None else monotonic() - self.began

    @property
    def by_time(self) -> str:
        """The flag, as the records name what ended a search."""
        return f"--time {self.time}"

    @property
    def by_patience(self) -> str:
        """Likewise."""
        return f"--patience {self.patience}"

    def lets_go_on(self, summary: dict[str, Any]) -> bool:
        """True if a limit ended the search of ``summary``, and more of it is asked for now."""
        flag, _, limit = summary.get("ended_by", "").partition(" ")
        if flag == "--time":
            return not self.time or seconds_of(self.time) > seconds_of(limit)
        return flag == "--patience" and (self.patience is None or self.patience > int(limit))

    def shared(self, spent: float, own: float, searches: int) -> "Termination":
        """That of one search, from that of several which run one after the other.

        Args:
            spent: seconds that all of them have taken.
            own: seconds of these that were this one's.
            searches: how many are left, this one included.
        """
        if self.seconds is None:
            return self
        share = max(0.0, self.seconds - spent) / searches
        return replace(self, seconds=own + share, began=monotonic())


def twice(ended_by: str, spent: float) -> tuple[str, str]:
    """The flag that asks for twice as much of the limit that ended a search in seconds ``spent``.

    A search of less time than its start takes is given twice what it took.
    """
    flag, _, limit = ended_by.partition(" ")
    if flag == "--patience":
        return flag, str(2 * int(limit))
    seconds = seconds_of(limit)
    return flag, written(2 * (seconds if 2 * seconds > spent else ceil(spent)))


def check_limits(name: str, folders: Sequence[Path], termination: Termination) -> None:
    """Refuse a time that is up already.

    Args:
        name: of the search that is resumed.
        folders: its own, or first that of a group and then those of its searches.
        termination: what is asked for now.

    Raises:
        UsageError: it has taken as much or more.
    """
    if read_search_file(folders[0]).flags.get("time") == (termination.time or None):
        return
    spent = sum(read_summary(folder).get("wall_seconds", 0.0) for folder in folders)
    if termination.seconds is not None and termination.seconds <= spent:
        raise UsageError(
            f"--resume {name}: {termination.by_time} is for all its runs together, which have "
            f"taken {duration(spent)}; ask for more"
        )


def check_open(name: str, folder: Path, termination: Termination) -> None:
    """Raise UsageError if a search cannot have a larger budget, as a limit has ended it."""
    summary = read_summary(folder)
    if (ended_by := summary.get("ended_by")) and not termination.lets_go_on(summary):
        raise UsageError(f"--resume {name}: {ended_by} has ended it; ask for more of that as well")

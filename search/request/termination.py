"""What ends a search before all its trials have run: a time, or a lack of progress."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

from search.records.search_file import SearchFile, read_search_file
from search.records.summary import read_summary
from search.request.options import SearchOptions
from search.request.time_span import seconds_of
from search.trials.text import duration
from trainables.boundary.errors import UsageError

_FLAGS = ("time", "patience")


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

    def holds(self, ended_by: str) -> bool:
        """True if what ended a search is still asked of it."""
        return bool(ended_by) and ended_by in (self.by_time, self.by_patience)

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


def with_termination(written: SearchFile, flags: dict[str, Any]) -> SearchFile:
    """A search's file, with the limits that it is asked for now."""
    asked = {key: flags[key] for key in _FLAGS if flags.get(key) is not None}
    return replace(written, flags={**written.flags, **asked})


def check_time(name: str, folder: Path, termination: Termination) -> None:
    """Raise UsageError if a resumed search has taken more time than a new limit allows it."""
    if (
        termination.seconds is None
        or read_search_file(folder).flags.get("time") == termination.time
    ):
        return
    spent = read_summary(folder).get("wall_seconds", 0.0)
    if termination.seconds <= spent:
        raise UsageError(
            f"--resume {name}: {termination.by_time} is for all runs of the search together, which "
            f"took {duration(spent)}; ask for more"
        )

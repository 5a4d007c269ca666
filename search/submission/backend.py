"""What every kind of cluster can be asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from search.submission.submission import Submission


@dataclass(frozen=True)
class JobLine:
    """A job as a list shows it.

    Attributes:
        job: its name.
        search: the search's.
        status: in the cluster's words.
        begun: when it was sent or began; None if the cluster does not tell.
    """

    job: str
    search: str
    status: str
    begun: datetime | None


class Backend(Protocol):
    """A kind of cluster. Each raises UsageError, in a line, where the cluster does not do it."""

    def shown(self, submission: Submission) -> str:
        """What would be sent."""

    def submit(self, submission: Submission) -> None:
        """Send it; return once the cluster has taken it."""

    def status(self, name: str | None) -> list[JobLine]:
        """The jobs of one search, or of all, the latest last."""

    def logs(self, name: str, follow: bool) -> Iterator[str]:
        """What the latest job of a search has printed, in pieces; with ``follow`` until it ends."""

    def exit_status(self, name: str) -> int | None:
        """With what the latest job of a search ended; None if it has not, or nobody knows."""

    def stop(self, name: str) -> None:
        """Have a search close its records and end; return when it has."""

"""What is sent to a cluster, and what every kind of cluster can be asked."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

# Ray sends SIGTERM, and SIGKILL after three seconds; a search takes some ten to close its records.
STOP_SECONDS = 60


@dataclass(frozen=True)
class Submission:
    """A search that is to run on a cluster.

    Attributes:
        name: of the search; the job is called by it.
        job: the job's own name: the search's, with the time behind it where it is resumed.
        flags: of ``search.run``, complete: its name, folder and cluster are among them.
        spaces: space files of the user's own, by the path that ``flags`` name them by, relative to
            the folder that the command runs in.
        environment: variables for the search.
    """

    name: str
    job: str
    flags: tuple[str, ...]
    spaces: dict[str, Path] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """For a shell, run in the folder that holds ``search/``."""
        return shlex.join(["python", "-m", "search.run", *self.flags])


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

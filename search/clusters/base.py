"""A submission to a cluster, and the interface that every kind of cluster offers."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

# Ray sends SIGTERM, and SIGKILL after three seconds. A search takes about ten to close its records.
STOP_SECONDS = 60


@dataclass(frozen=True)
class Submission:
    """A search to run on a cluster.

    Attributes:
        name: name of the search.
        job: name of the job: the search's name, followed by the time if the search is resumed.
        flags: all flags of ``search.run``, including its name, folder and cluster.
        spaces: the user's own space files, by their paths in ``flags``, which are relative to the
            folder that the command runs in.
        environment: variables for the search.
    """

    name: str
    job: str
    flags: tuple[str, ...]
    spaces: dict[str, Path] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """The command line for a shell in the folder that holds ``search/``."""
        return shlex.join(["python", "-m", "search.run", *self.flags])


@dataclass(frozen=True)
class JobLine:
    """A job in a list of jobs.

    Attributes:
        job: name of the job.
        search: name of the search.
        status: status of the job in the cluster's words.
        begun: time at which it was sent or began; None if the cluster does not report it.
    """

    job: str
    search: str
    status: str
    begun: datetime | None


class Backend(Protocol):
    """A kind of cluster. Each method raises UsageError, in one line, if the cluster refuses."""

    def shown(self, submission: Submission) -> str:
        """The text of what would be sent."""

    def submit(self, submission: Submission) -> None:
        """Send a search; return once the cluster has accepted it."""

    def status(self, name: str | None) -> list[JobLine]:
        """The jobs of one search, or of all searches, the latest last."""

    def logs(self, name: str, follow: bool) -> Iterator[str]:
        """The output of a search's latest job, in pieces; with ``follow`` until the job ends."""

    def exit_status(self, name: str) -> int | None:
        """The exit status of a search's latest job; None if it has not ended or is not known."""

    def stop(self, name: str) -> None:
        """Make a search close its records and end; return when it has ended."""

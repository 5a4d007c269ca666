"""What is sent to a cluster: a search's command, whole."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path

# Ray sends SIGTERM, and SIGKILL after three seconds; a search takes some ten to close its records.
STOP_SECONDS = 60


@dataclass(frozen=True)
class Submission:
    """A search that is to run on a cluster.

    Attributes:
        name: of the search; the job is called by it.
        job: the job's own name: the search's, and the time behind it where it goes on.
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

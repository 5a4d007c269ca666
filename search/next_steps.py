"""The commands to go on with once a search has ended, as a shell takes them."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from search.tracking import in_shell


@dataclass(frozen=True)
class NextSteps:
    """Commands for one search.

    Attributes:
        search: its name.
        out: folder of all searches.
        uri: MLflow's tracking URI; a password in it is in none of the commands.
        source: ``embedded`` or a data folder.
    """

    search: str
    out: Path
    uri: str
    source: str

    @property
    def compare(self) -> str:
        """Show the search in MLflow's pages."""
        return compare(self.search, self.out, self.uri)

    @property
    def analyse(self) -> str:
        """Certify and explain its winner."""
        command = ["python", "-m", "analysis.run", "--search", self.search, "--data", self.source]
        command += ["--out", str(self.out / self.search / "analysis")]
        return f"{shlex.join(command)} --tracking-uri {in_shell(self.uri)}"

    @property
    def replay(self) -> str:
        """Train its winner again."""
        return f"python -m search.replay {shlex.quote(self.search)} {_records(self.out, self.uri)}"


def compare(name: str, out: Path, uri: str) -> str:
    """Show the search or leaderboard ``name``, recorded at ``uri``, in MLflow's pages."""
    where = _records(out, uri) if _is_own(out, uri) else f"--tracking-uri {in_shell(uri)}"
    return f"python -m search.ui --search {shlex.quote(name)} {where}"


def _records(out: Path, uri: str) -> str:
    """The flags that say where the records of searches in ``out`` are."""
    folder = f"--out {shlex.quote(str(out))}"
    return folder if _is_own(out, uri) else f"{folder} --tracking-uri {in_shell(uri)}"


def _is_own(out: Path, uri: str) -> bool:
    """True if ``uri`` is what commands take without ``--tracking-uri``."""
    return uri == f"sqlite:///{out / 'mlflow.db'}"

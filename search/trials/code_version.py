"""The running version of Convoy: the package's version, and the commit of a git checkout."""

import json
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

SHIPPED = "code_version.json"  # in search/ if the code was sent without its checkout
PATIENCE = 10.0  # seconds to wait for git, which a remote file system may delay


@dataclass(frozen=True)
class CodeVersion:
    """A version of Convoy.

    Attributes:
        version: version of the package; ``unknown`` if it is not installed.
        commit: commit of the checkout, 40 hexadecimal digits; None without a checkout or git.
        changed: whether tracked files differed from the commit; None without a commit.
    """

    version: str
    commit: str | None = None
    changed: bool | None = None

    @property
    def described(self) -> str:
        """The version in words, such as ``0.1.0, commit 1a2b3c4d5e6f, changed``."""
        parts = [self.version]
        parts += [f"commit {self.commit[:12]}"] if self.commit else []
        parts += ["changed"] if self.changed else []
        return ", ".join(parts)


@cache
def code_version() -> CodeVersion:
    """The version that this process runs, as of the first call."""
    file = Path(__file__).resolve().parents[1] / "__init__.py"
    shipped = file.with_name(SHIPPED)
    if shipped.is_file():
        return CodeVersion(**json.loads(shipped.read_text()))
    try:
        package = version("convoy")
    except PackageNotFoundError:
        package = "unknown"
    return CodeVersion(package, *commit_of(file))


def commit_of(file: Path) -> tuple[str | None, bool | None]:
    """The commit that ``file`` is checked out from, and whether tracked files in its folder and the
    parent folder were changed since; (None, None) if git does not track the file.

    A file that is only installed into the folder of another checkout is not tracked there.
    """
    folder = file.parent
    tracked = _git(folder, "ls-files", "--error-unmatch", file.name) is not None
    commit = _git(folder, "rev-parse", "--verify", "HEAD") if tracked else None
    if commit is None:
        return None, None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", "..")
    return commit, None if changes is None else bool(changes)


def _git(folder: Path, *arguments: str) -> str | None:
    """The output of git; None if git fails, does not answer or is not installed."""
    program = shutil.which("git")
    if program is None:
        return None
    # A hook or a script may set variables that name its own repository.
    environment = {key: text for key, text in os.environ.items() if not key.startswith("GIT_")}
    try:
        process = subprocess.run(
            [program, "-C", str(folder), *arguments],
            env={**environment, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return process.stdout.strip()


installed = cache(version)  # reading the versions of the five packages takes 20 ms
_PACKAGES = ("ray", "optuna", "mlflow", "torch", "torchvision")


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that a result depends on."""
    return {"python": platform.python_version(), **{name: installed(name) for name in _PACKAGES}}

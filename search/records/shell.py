"""Commands for the user to copy: what a default says already is left out, and paths are short."""

import shlex
from pathlib import Path

from search.records.tracking import default_uri, in_shell


def command(module: str, *words: str, out: Path | None = None, uri: str = "") -> str:
    """``python -m module`` and ``words``, with the places of searches and of records.

    Args:
        module: what is run.
        words: that follow, as they are.
        out: folder of all searches; left out where it is the default, or None.
        uri: MLflow's, if the command needs it.
    """
    line = shlex.join(["python", "-m", module, *words])
    if out is not None and out != Path("runs").resolve():
        line += f" --out {shlex.quote(shown(out))}"
    if uri and uri != default_uri(Path("runs").resolve()):
        local = uri.removeprefix(f"sqlite:///{Path.cwd()}/")
        line += f" --tracking-uri {in_shell(uri if local == uri else f'sqlite:///{local}')}"
    return line


def shown(path: Path) -> str:
    """``path`` from the working directory, where it lies below that."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)

"""Commands for the user to copy: what a default says already is left out, and paths are short."""

import shlex
from pathlib import Path
from typing import Any

from search.records.tracking import default_uri, in_shell, secret_lines


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


def compare_lines(name: str, out: Path, uri: str) -> list[str]:
    """The line that says how to see the records, after one on a password that it leaves out."""
    own = uri == default_uri(out)
    where: dict[str, Any] = {"out": out} if own else {"uri": uri}
    return [*secret_lines(uri), f"compare    {command('search.ui', '--search', name, **where)}"]


def analyse_line(name: str, out: Path, uri: str) -> str:
    """The line that says how to analyse a search's winner."""
    words = ["--search", name]
    if out != Path("runs").resolve():
        words += ["--out", shown(out / name / "analysis")]
    return f"analyse    {command('analysis.run', *words, uri=uri)}"


def shown(path: Path) -> str:
    """``path`` from the working directory, where it lies below that."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)

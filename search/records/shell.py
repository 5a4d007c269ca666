"""Commands for the user to copy, with short paths and without flags that equal the defaults."""

import shlex
from pathlib import Path
from typing import Any

from search.records.tracking import default_uri, in_shell, secret_lines


def command(module: str, *words: str, out: Path | None = None, uri: str = "") -> str:
    """The command ``python -m MODULE WORDS``, with ``--out`` and ``--tracking-uri`` if needed.

    Args:
        module: the module to run.
        words: the words that follow, unchanged.
        out: folder of all searches; omitted if it is the default or None.
        uri: MLflow's tracking URI, if the command needs it.
    """
    line = shlex.join(["python", "-m", module, *words])
    if out is not None and out != Path("runs").resolve():
        line += f" --out {shlex.quote(shown(out))}"
    if uri and uri != default_uri(Path("runs").resolve()):
        local = uri.removeprefix(f"sqlite:///{Path.cwd()}/")
        line += f" --tracking-uri {in_shell(uri if local == uri else f'sqlite:///{local}')}"
    return line


def compare_lines(name: str, out: Path, uri: str) -> list[str]:
    """The line with the command that shows the records, after a note on an omitted password."""
    own = uri == default_uri(out)
    where: dict[str, Any] = {"out": out} if own else {"uri": uri}
    return [*secret_lines(uri), f"compare    {command('search.ui', '--search', name, **where)}"]


def analyse_line(name: str, out: Path, uri: str) -> str:
    """The line with the command that analyses a search's winner."""
    words = ["--search", name]
    if out != Path("runs").resolve():
        words += ["--out", shown(out / name / "analysis")]
    return f"analyse    {command('analysis.run', *words, uri=uri)}"


def shown(path: Path) -> str:
    """``path``, relative to the working directory if it lies below that."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)

"""Write the folder of an analysis, and show progress."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import track

from search.trials.text import duration
from trainables.boundary.errors import UsageError


def progress(names: list[str], console: Console, *, quiet: bool) -> Iterator[str]:
    """Yield ``names`` one by one, and show progress as a bar, or as lines on stderr."""
    if quiet or console.quiet or console.is_terminal:
        yield from track(names, "figures", console=console, disable=quiet or console.quiet)
        return
    begun = time.perf_counter()
    for number, name in enumerate(names, 1):
        yield name
        gone = duration(time.perf_counter() - begun)
        print(f"figure {number} of {len(names)}: {name}, after {gone}", file=sys.stderr, flush=True)


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A scratch folder whose files replace those of ``out`` if the context ends without an error.

    Raises:
        UsageError: ``out`` cannot be made or written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".analysis-", dir=out))
    except OSError as error:
        raise UsageError(f"--out: {out} cannot be made ({error.strerror})") from error
    try:
        yield folder
        _move(folder, out)
    finally:
        shutil.rmtree(folder)


def _move(folder: Path, out: Path) -> None:
    """Move the files of ``folder`` to the same places in ``out``; a link to a file is replaced."""
    try:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            target = out / file.relative_to(folder)
            if target.parent.is_symlink():
                raise UsageError(f"--out: {target.parent} is a link; remove it")
            target.parent.mkdir(exist_ok=True)
            file.replace(target)
    except OSError as error:
        place = error.filename2 or error.filename
        raise UsageError(f"--out: {place} cannot be written ({error.strerror})") from error

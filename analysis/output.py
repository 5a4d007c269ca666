"""Where an analysis is written."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainables.boundary.errors import UsageError


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A folder whose files replace those of ``out`` once the context ends without an error.

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
    """Move the files of ``folder`` to the same places in ``out``, a link there being replaced."""
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

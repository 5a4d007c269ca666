"""Calls a cluster's command line programs, such as ``kubectl`` or ``sbatch``."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator

from trainables.boundary.errors import UsageError

SECONDS = 60.0  # time in which a program must answer


def output(program: str, *arguments: str, text: str = "", seconds: float = SECONDS) -> str:
    """The output of ``program``, which gets ``text`` on its standard input.

    Raises:
        UsageError: it is not installed, does not answer in time, or fails (with its last line).
    """
    command = [_path_of(program), *arguments]
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"{program} {arguments[0]}: no answer in {seconds:g} seconds") from error
    _check(program, arguments, done.returncode, done.stderr)
    return done.stdout


def lines(program: str, *arguments: str) -> Iterator[str]:
    """The lines that ``program`` prints, as they come.

    Raises:
        UsageError: as for ``output``, after the last line.
    """
    command = [_path_of(program), *arguments]
    with (  # a full pipe that nobody reads would block the program
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8", errors="replace"
        ) as running,
    ):
        assert running.stdout is not None
        try:
            yield from running.stdout
            status = running.wait()
        finally:
            running.terminate()
        errors.seek(0)
        _check(program, arguments, status, errors.read())


def _path_of(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise UsageError(f"{program} is not on this machine's PATH; this kind of cluster needs it")
    return path


def _check(program: str, arguments: tuple[str, ...], status: int, errors: str) -> None:
    if status:
        said = [line.strip() for line in errors.splitlines() if line.strip()]
        line = said[-1][:300] if said else f"ended with status {status}"
        raise UsageError(f"{program} {arguments[0]}: {line}")

"""How a command ends."""

import io
import os
import signal
import sys
from errno import EACCES, ECONNREFUSED, EPERM, EROFS

import pytest

from search.driver.interruption import Interrupted
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError


def raising(error: BaseException):
    @command
    def main(argv: list[str] | None = None) -> int:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UsageError("--x: wrong"), 2, "error: --x: wrong\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (KeyboardInterrupt("interrupted; it continues"), 130, "interrupted; it continues\n"),
        (Interrupted(signal.SIGTERM), 143, "interrupted\n"),
    ],
)
def test_it_ends_with_one_line_and_the_status_of_what_happened(error, status, line, capsys):
    assert raising(error)([]) == status
    assert capsys.readouterr().err == line


@pytest.mark.parametrize("number", [EACCES, EPERM, EROFS])
def test_a_file_that_may_not_be_used_is_named_in_one_line(number, capsys):
    reason = os.strerror(number)
    assert raising(OSError(number, reason, "/runs/x"))([]) == 2
    line = f"error: /runs/x: {reason}; change its permissions, or name another\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a fault of the program"),
        OSError(ECONNREFUSED, "refused"),
        OSError(EPERM, "no"),
    ],
)
def test_any_other_error_is_raised(error):
    with pytest.raises(type(error)):
        raising(error)()


def test_a_command_that_ends_by_itself_has_its_own_status():
    assert command(lambda: 3)() == 3


def printing(text: str):
    @command
    def main() -> int:
        for _ in range(3):
            print(text)
            print(text, file=sys.stderr, flush=True)
        return 0

    return main


def redirect(monkeypatch, file, encoding: str = "utf-8") -> None:
    stream = io.TextIOWrapper(file, encoding=encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)


@pytest.mark.parametrize(
    ("encoding", "text", "printed"),
    [
        ("ascii", "1/2 trials · best", b"1/2 trials ? best"),
        ("latin-1", "10.3 ± 0.2 漢字", b"10.3 \xb1 0.2 ??"),
        ("utf-8", "b\udcffd", b"b?d"),
    ],
)
def test_what_cannot_be_encoded_is_replaced(monkeypatch, encoding, text, printed):
    file = io.BytesIO()
    redirect(monkeypatch, file, encoding)
    assert printing(text)() == 0
    assert file.getvalue() == 6 * (printed + b"\n")


def without_reader() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("opened", [without_reader, lambda: os.open("/dev/full", os.O_WRONLY)])
def test_output_that_nobody_reads_or_that_has_no_room_fails_no_command(monkeypatch, opened):
    with open(opened(), "wb") as file:  # noqa: PTH123 # a number, and no path
        redirect(monkeypatch, file)
        assert printing("a line")() == 0


def test_closed_output_fails_no_command(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert printing("a line")() == 0

"""How a command ends."""

import signal

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


def test_any_other_error_is_raised():
    with pytest.raises(RuntimeError):
        raising(RuntimeError("a fault of the program"))()


def test_a_command_that_ends_by_itself_has_its_own_status():
    assert command(lambda: 3)() == 3

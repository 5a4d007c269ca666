"""What the tests of the images measured, in a table at the end of their run: a plugin of pytest."""

import pytest
from rich.console import Console
from rich.table import Table

_figures: list[tuple[str, str]] = []


def note(what: str, figure: str) -> None:
    """Have a figure in the table."""
    _figures.append((what, figure))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table: each test and its seconds, then the figures."""
    table = Table(box=None, title="containers", title_justify="left")
    table.add_column("tried", ratio=1)
    table.add_column("", justify="right", no_wrap=True)
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.getreports(outcome):
            name = report.nodeid.rpartition("::test_")[2] or report.nodeid
            table.add_row(name.replace("_", " "), f"{outcome}, {report.duration:.0f} s")
    for what, figure in _figures:
        table.add_row(what, figure)
    Console(width=80, highlight=False, markup=False).print(table)

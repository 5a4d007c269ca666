"""The help of every command fits a terminal of 80 columns."""

import argparse
from collections.abc import Iterator

import pytest

from convoy.doors import DOORS


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A command's parser and those of its parts."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for part in action.choices.values():
                yield from parsers(part)


@pytest.mark.parametrize("name", DOORS)
def test_no_line_of_a_commands_help_is_longer_than_80_columns(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    helps = [parser.format_help() for parser in parsers(DOORS[name].command_line())]
    assert [line for text in helps for line in text.splitlines() if len(line) > 80] == []

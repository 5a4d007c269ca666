"""A command line that reports an error in one line, as all other errors are."""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import takewhile
from types import MappingProxyType
from typing import Any, NoReturn

from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest

_SPELLING: ContextVar[Mapping[str, str]] = ContextVar("spelling", default=MappingProxyType({}))
_OPTION = re.compile(r"--?[^\W\d][\w-]*")


@contextmanager
def called_as(spelling: Mapping[str, str]) -> Iterator[None]:
    """Within the context, help and errors name commands by ``spelling``: old name to new name."""
    token = _SPELLING.set(spelling)
    try:
        yield
    finally:
        _SPELLING.reset(token)


class Arguments(argparse.ArgumentParser):
    """An argument parser that raises instead of printing its usage and exiting.

    It accepts no abbreviated options; for an unknown option it suggests the nearest one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "allow_abbrev": False})
        self.prog = _respelled(self.prog)

    def format_help(self) -> str:
        """The help, with commands named as the user calls them."""
        return _respelled(super().format_help())

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with argparse's message."""
        raise UsageError(f"{message}; {self.prog} --help shows the flags")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, but first refuse words that look like options and are not."""
        if self._subparsers is None:
            self._check_options(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def _check_options(self, words: Sequence[str]) -> None:
        """Raise UsageError for the first unknown option, before any other error."""
        known = self._option_string_actions
        for word in takewhile(lambda word: word != "--", words):
            name = word.partition("=")[0]
            if _OPTION.fullmatch(name) and name not in known:
                self.error(f"{name} is not an option{nearest(name, known)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = [str(choice) for choice in action.choices or ()]
        if choices and value not in choices:
            name = "/".join(action.option_strings) or action.metavar
            near = nearest(value, choices) or f"; choose one of {', '.join(choices)}"
            self.error(f"{name}: {value!r} is not a choice{near}")


def _respelled(text: str) -> str:
    for spelled, short in _SPELLING.get().items():
        text = re.sub(rf"{re.escape(spelled)}(?![\w.])", short, text)
    return text

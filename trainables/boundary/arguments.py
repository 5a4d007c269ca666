"""A command line whose faults are told in one line, as every other fault is."""

import argparse
from typing import NoReturn

from trainables.boundary.errors import UsageError


class Arguments(argparse.ArgumentParser):
    """An argument parser that raises instead of printing its usage and exiting."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with argparse's message."""
        raise UsageError(f"{message}; {self.prog} --help shows the flags")

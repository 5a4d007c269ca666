"""The commands of ``convoy``; ``python -m`` runs each of their modules too."""

from argparse import ArgumentParser
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

_PACKAGES = Path(__file__).parents[1]


@dataclass(frozen=True)
class Door:
    """A command. Its module is imported only when it is called, as torch and Ray take seconds.

    Attributes:
        module: name of the module.
        parser: the module and the function that make its parser, ``MODULE:FUNCTION``.
    """

    module: str
    parser: str

    @property
    def spelled(self) -> str:
        """The command line that runs it without ``convoy``."""
        return f"python -m {self.module}"

    @property
    def help(self) -> str:
        """What the command does, from the first line of its module."""
        with self._file.open(encoding="utf-8") as file:
            return file.readline().strip('"\n').partition("``: ")[2].removesuffix(".")

    def main(self, argv: list[str]) -> int:
        """Run the command; its exit status."""
        package = self._file.stem == "__main__"
        module = import_module(f"{self.module}.__main__" if package else self.module)
        status: int = module.main(argv)
        return status

    def command_line(self) -> ArgumentParser:
        """The command's flags."""
        module, _, function = self.parser.partition(":")
        parser: ArgumentParser = getattr(import_module(module), function)()
        return parser

    @property
    def _file(self) -> Path:
        place = _PACKAGES.joinpath(*self.module.split("."))
        return place / "__main__.py" if place.is_dir() else place.with_suffix(".py")


def _work_of(command: str) -> Door:
    return Door(f"search.{command}", f"search.commands.{command}:command_line")


def _itself(module: str) -> Door:
    return Door(module, f"{module}:command_line")


DOORS = {
    "demo": _itself("convoy.demo"),
    "run": Door("search.run", "search.request.parser:search_parser"),
    "list": _work_of("list"),
    "show": _work_of("show"),
    "stop": _work_of("stop"),
    "delete": _work_of("delete"),
    "export": _work_of("export"),
    "analyse": _itself("analysis.run"),
    "predict": _itself("analysis.predict"),
    "ui": _itself("search.ui"),
    "ablate": Door("search.ablate", "search.request.parser:ablation_parser"),
    "replay": _work_of("replay"),
    "reconcile": _work_of("reconcile"),
    "submit": _work_of("submit"),
    "new": _work_of("new"),
    "data": Door("trainables.data", "trainables.data.__main__:command_line"),
    "conv-check": _itself("analysis.conv_check"),
    "completion": _itself("convoy.completion"),
}

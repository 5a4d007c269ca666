"""The command lines of ``search.run`` and ``search.ablate``, made from their options."""

import argparse
from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from search.request.options import (
    AblationOptions,
    SearchOptions,
    TrainingOptions,
    layout_of,
    spelled,
)
from trainables.boundary.arguments import Arguments

_ABOUT = """Search the hyperparameters of small CNNs, for example:
  python -m search.run --space gap5 --data embedded      nothing to download
  python -m search.run --space gap5 --set pool_stride=2  without a GPU
  python -m search.run --space all --trials 8            all, and a leaderboard
"""
_ABLATIONS = """examples:
  python -m search.ablate --space nin --toggle batch_norm --toggle dropout
  python -m search.ablate --run RUN_ID --toggle region_swap --seeds 5
"""


class ScreenfulHelp(argparse.RawDescriptionHelpFormatter):
    """Help that fits one screen: no empty lines between the groups."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=24, width=80)

    def format_help(self) -> str:
        """Usage, description and groups."""
        usage, description, *groups = super().format_help().split("\n\n")
        return "\n\n".join([usage, "\n".join([description, *groups])])


def search_parser() -> argparse.ArgumentParser:
    """The flags of ``search.run``."""
    parser = Arguments(
        prog="python -m search.run",
        usage="%(prog)s --space NAME [flags]",
        description=_ABOUT,
        formatter_class=ScreenfulHelp,
    )
    return _with_flags(parser, SearchOptions)


def ablation_parser() -> argparse.ArgumentParser:
    """The flags of ``search.ablate``."""
    parser = Arguments(
        prog="python -m search.ablate",
        description="Train a setting with every combination of its parts on and off.",
        epilog=_ABLATIONS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return _with_flags(parser, AblationOptions)


def search_options(argv: Sequence[str]) -> SearchOptions:
    """What the command line ``argv`` asks of ``search.run``; UsageError if a flag is wrong."""
    return SearchOptions.of(vars(search_parser().parse_args(argv)))


def ablation_options(argv: Sequence[str]) -> AblationOptions:
    """What the command line ``argv`` asks of ``search.ablate``; UsageError if a flag is wrong."""
    return AblationOptions.of(vars(ablation_parser().parse_args(argv)))


def add_flags(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add to ``parser`` flags of the commands that train, as ``TrainingOptions`` declares them."""
    for name in names:
        field = TrainingOptions.model_fields[name]
        parser.add_argument(
            spelled(name), default=field.default, help=field.description, **_reading(field)
        )


def add_recorded_uri(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` the flag ``--tracking-uri`` of commands on a search that is recorded."""
    recorded = "MLflow store (default: the one in which the search recorded)"
    parser.add_argument("--tracking-uri", metavar="URI", help=recorded)


def _with_flags(
    parser: argparse.ArgumentParser, options: type[TrainingOptions]
) -> argparse.ArgumentParser:
    groups: dict[str, argparse._ActionsContainer] = {"": parser}
    for name, field in options.flags().items():
        title = layout_of(field)["group"]
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        # The options hold the defaults, so that they know which flags were given.
        groups[title].add_argument(
            spelled(name), default=argparse.SUPPRESS, help=field.description, **_reading(field)
        )
    return parser


def _reading(field: FieldInfo) -> dict[str, Any]:
    """How argparse reads a flag of the field's type."""
    kind: Any = field.annotation
    if isinstance(kind, UnionType):  # with None
        kind = next(part for part in get_args(kind) if part is not NoneType)
    if kind is bool:
        return {"action": "store_true"}
    metavar, nargs = layout_of(field)["metavar"], layout_of(field)["nargs"]
    if get_origin(kind) is not tuple:
        return {"type": kind, "metavar": metavar}
    return {"metavar": metavar, **({"nargs": nargs} if nargs else {"action": "append"})}

"""Flags that every command which trains has, and what they may be."""

import argparse
import math
import os
import re
import socket
from datetime import datetime
from pathlib import Path

from search.naming import is_name
from search.tracking import check_admits, check_uri
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.data import EMBEDDED
from trainables.recipe import Value

ALL = "all"  # spaces
_RESERVED = ("artifacts", "mlflow.db")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say on what, how long, with what and where to train."""
    _add_budget(parser.add_argument_group("data and budget"))
    _add_machine(parser.add_argument_group("machine"))
    _add_records(parser.add_argument_group("records"))


def _add_budget(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--data",
        metavar="PATH",
        help=f"folder, or {EMBEDDED} (default: $CONVOY_DATA, else ./data)",
    )
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="give a value in every trial; may be repeated",
    )
    group.add_argument(
        "--epochs", type=int, metavar="N", help="most epochs a trial (default: space)"
    )
    group.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of everything (default: 0)"
    )
    group.add_argument("--train-limit", type=int, metavar="N", help="most training images")
    group.add_argument("--val-limit", type=int, metavar="N", help="most validation images")


def _add_machine(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--cpus-per-trial", type=int, metavar="N", help="default: an even share")
    group.add_argument("--gpus-per-trial", type=float, metavar="F", help="a fraction shares a GPU")
    group.add_argument("--concurrency", type=int, metavar="N", help="trials at once")
    group.add_argument(
        "--pack", type=int, metavar="N", help="up to N trials in one process on each GPU"
    )
    group.add_argument(
        "--address", metavar="ADDRESS", help="Ray cluster to join: auto or HOST:PORT"
    )


def _add_records(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--out", default="runs", metavar="DIR", help="of all searches (default: ./runs)"
    )
    group.add_argument("--name", metavar="NAME", help="of this one (default: SPACE-DATE-TIME)")
    group.add_argument("--tracking-uri", metavar="URI", help="default: sqlite:///OUT/mlflow.db")
    group.add_argument("--quiet", action="store_true", help="print nothing but the result")


def add_choice_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say where a search begins and how its winner is chosen."""
    group = parser.add_argument_group("start and choice")
    group.add_argument("--warm-start", metavar="NAME", help="try another search's finalists first")
    group.add_argument(
        "--from-run", metavar="RUN_ID", help="search around the setting of an MLflow run"
    )
    group.add_argument(
        "--finalists",
        type=int,
        metavar="K",
        help="settings to train again before one wins (space: 3)",
    )
    group.add_argument(
        "--finalist-seeds", type=int, metavar="S", help="how often each (default: space, 3)"
    )
    group.add_argument(
        "--unconstrained", action="store_true", help="leave the space's constraints aside"
    )
    group.add_argument(
        "--val-alignment",
        type=float,
        metavar="A",
        help="share of validation digits that agree (space: 0.1)",
    )


class ScreenfulHelp(argparse.RawDescriptionHelpFormatter):
    """Help on one screen: groups follow on each other without an empty line."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=24, width=80)

    def format_help(self) -> str:
        """Usage, description and groups."""
        usage, description, *groups = super().format_help().split("\n\n")
        return "\n\n".join([usage, description, "\n".join(groups)])


def check_flags(arguments: argparse.Namespace) -> None:
    """Raise UsageError at the first number or address that cannot be used."""
    check_numbers(arguments)
    _check_cluster(arguments.address)


def check_numbers(arguments: argparse.Namespace) -> None:
    """Raise UsageError at the first number that cannot be used."""
    least = {"trials": 1, "epochs": 1, "seed": 0, "cpus_per_trial": 1, "concurrency": 1}
    least |= {"train_limit": 1, "val_limit": 1, "seeds": 2, "pack": 1}
    least |= {"finalists": 0, "finalist_seeds": 1}
    for key, low in least.items():
        value, flag = getattr(arguments, key, None), f"--{key.replace('_', '-')}"
        if value is not None and value < low:
            raise UsageError(f"{flag} must be {low} or more, not {value}")
        if value is not None and value >= 2**31:
            raise UsageError(f"{flag} must be below 2147483648, not {value}")
    if arguments.pack is not None:
        _check_alone(arguments, "--pack", "cpus_per_trial", "gpus_per_trial", "concurrency")
    _check_gpus(arguments.gpus_per_trial)


def _check_alone(arguments: argparse.Namespace, flag: str, *others: str) -> None:
    for key in others:
        if getattr(arguments, key) is not None:
            other = f"--{key.replace('_', '-')}"
            raise UsageError(f"{flag} and {other} exclude each other: a pack decides it")


def _check_gpus(gpus: float | None) -> None:
    if gpus is not None and not (math.isfinite(gpus) and gpus >= 0):
        raise UsageError(f"--gpus-per-trial must be 0 or more, not {gpus}")
    if gpus is not None and gpus > 1 and gpus != int(gpus):
        raise UsageError(f"--gpus-per-trial above 1 must be a whole number, not {gpus}")


def _check_cluster(address: str | None) -> None:
    """Ray itself tries for minutes, and prints its own warnings, before it gives up."""
    if address in (None, "auto"):
        return
    host, _, port = str(address).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"--address {address}: write auto or HOST:PORT")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:  # ValueError: no name of a host
        raise UsageError(
            f"--address {address}: no Ray cluster answers ({error}); start one, or leave it out"
        ) from error


def assignment(written: str) -> tuple[str, Value]:
    """Key and value of a ``--set``: true or false, a whole number, a number, or a word.

    Raises:
        UsageError: it is not of the form KEY=VALUE.
    """
    key, equals, value = written.partition("=")
    if not equals or not key or not value:
        raise UsageError(f"--set {written}: write KEY=VALUE, such as --set lr=0.001")
    words = {"true": True, "false": False}
    if value.lower() in words:
        return key, words[value.lower()]
    for kind in (int, float):
        try:
            return key, kind(value)
        except ValueError:
            continue
    return key, value


def out_folder(arguments: argparse.Namespace) -> Path:
    """The folder of all searches, absolute; it need not be there yet."""
    return user_path(arguments.out, "--out")


def tracking_uri(arguments: argparse.Namespace) -> str:
    """Where to record, checked.

    Raises:
        UsageError: nothing can be recorded there.
    """
    uri = check_uri(arguments.tracking_uri or f"sqlite:///{out_folder(arguments) / 'mlflow.db'}")
    check_admits(uri)
    return uri


def new_name(given: str | None, stem: str) -> str:
    """``given``, or a name made of ``stem`` and the time.

    Raises:
        UsageError: it cannot be the name of a folder and of records.
    """
    stem = re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-")[:60] or "search"
    name = given if given is not None else f"{stem}-{datetime.now():%Y%m%d-%H%M%S}"
    if not is_name(name):
        raise UsageError(
            f"--name {name!r}: use letters, digits, '.', '_' and '-' (at most 100), no '..', "
            "no path separators"
        )
    return name


def check_free(name: str, out: Path) -> None:
    """Raise UsageError unless ``out/name`` can be made."""
    if name in _RESERVED:
        raise UsageError(f"--name {name!r} is taken by MLflow's own files in {out}")
    if (out / name).exists() or (out / name).is_symlink():
        raise UsageError(f"--name {name}: {out / name} exists; choose another name")
    there = next(folder for folder in (out, *out.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise UsageError(
            f"--out {out}: {there} is not a folder that can be written to; choose another"
        )

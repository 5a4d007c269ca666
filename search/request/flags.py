"""Reads and checks flags that several commands share: names, folders, addresses and values."""

import argparse
import os
import re
import socket
from collections.abc import Collection, Iterable
from datetime import datetime
from pathlib import Path

from search.records.tracking import check_admits, check_uri, default_uri
from search.request.options import TrainingOptions
from search.space.naming import is_name
from search.space.reader import available
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path

ALL = "all"  # stands for every space
PORTS = range(5000, 5060)  # for MLflow's pages; the first is MLflow's default port
Located = argparse.Namespace | TrainingOptions  # both have ``out`` and ``tracking_uri``
_RESERVED = ("artifacts", "mlflow.db")


def check_address(address: str | None) -> None:
    """Raise UsageError if an address is given and no Ray cluster answers there.

    Ray itself tries for minutes and prints its own warnings before it gives up.
    """
    if address in (None, "auto"):
        return
    host, _, port = str(address).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"--address {address}: write auto or HOST:PORT")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:  # ValueError: not a valid host name
        raise UsageError(
            f"--address {address}: no Ray cluster answers ({error}); start one, or omit --address"
        ) from error


def check_named(spaces: Collection[str]) -> None:
    """Raise UsageError unless at least one space is named."""
    if not spaces:
        raise UsageError("--space is missing; choose one of " + ", ".join(available()))


def assignments(written: Iterable[str]) -> dict[str, str]:
    """Keys and values of all ``--set`` flags, as text; the last value of a key counts."""
    return dict(map(_assignment, written))


def _assignment(written: str) -> tuple[str, str]:
    """Key and value of one ``--set`` flag.

    Raises:
        UsageError: it does not have the form KEY=VALUE.
    """
    key, equals, value = written.partition("=")
    if not equals or not key or not value:
        raise UsageError(f"--set {written}: write KEY=VALUE, such as --set lr=0.001")
    return key, value


def out_folder(options: Located) -> Path:
    """The absolute path of the folder of all searches, which need not exist yet."""
    return user_path(options.out, "--out")


def tracking_uri(options: Located) -> str:
    """The URI of the MLflow store to record in, checked.

    Raises:
        UsageError: the store cannot be used.
    """
    uri = check_uri(options.tracking_uri or default_uri(out_folder(options)))
    check_admits(uri)
    return uri


def new_name(wanted: str | None, stem: str) -> str:
    """``wanted``, or a name made of ``stem`` and the current time.

    Raises:
        UsageError: the name cannot be used for a folder and for records.
    """
    stem = re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-")[:60] or "search"
    name = wanted if wanted is not None else f"{stem}-{datetime.now():%Y%m%d-%H%M%S}"
    if not is_name(name):
        raise UsageError(
            f"--name {name!r}: use letters, digits, '.', '_' and '-' (at most 100), no '..', "
            "no path separators"
        )
    return name


def check_free(name: str, out: Path) -> None:
    """Raise UsageError unless the folder ``out/name`` can be created."""
    if name in _RESERVED:
        raise UsageError(f"--name {name!r} is reserved for MLflow's files in {out}")
    if (out / name).exists() or (out / name).is_symlink():
        raise UsageError(f"--name {name}: {out / name} exists; choose another name")
    parent = next(folder for folder in (out, *out.parents) if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UsageError(
            f"--out {out}: cannot write to {parent}, or it is not a folder; choose another"
        )

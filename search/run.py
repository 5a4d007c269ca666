"""``python -m search.run``: search a space."""

import argparse
import math
import os
import re
import shlex
import socket
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from search import environment
from search.space import Space, available, read_space, space_file
from search.tracking import check_uri
from trainables import architectures
from trainables.arguments import Arguments
from trainables.data import EMBEDDED, Dataset, load, resolve
from trainables.errors import UsageError
from trainables.paths import user_path
from trainables.recipe import Setting, Value
from trainables.training import network

if TYPE_CHECKING:
    from search.engine import Outcome, Request

_EXAMPLES = """examples:
  python -m search.run --space gap5 --data embedded       a first search, nothing to download
  python -m search.run --space gap5 --set pool_stride=2   affordable without a GPU
  python -m search.run --list                             the spaces there are
"""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status.

    0 whole; 3 whole but with failed trials, or with records that MLflow refused; 2 a flag or file
    is wrong; 130 or 143 interrupted.
    """
    console = Console(highlight=False)
    try:
        arguments = _parser().parse_args(argv)
        if arguments.list:
            console.print(_listing(), markup=False, soft_wrap=True)
            return 0
        environment.prepare(loopback=arguments.address is None)
        outcome, request = _search(arguments, console)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before Tune takes over, or while the records are closed
        print("interrupted", file=sys.stderr)
        return 130
    _report(outcome, request, console)
    return _exit_status(outcome)


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(
        prog="python -m search.run",
        description="Search the hyperparameters of a small CNN.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--space", metavar="NAME", help="a space of --list, or a .yaml file")
    parser.add_argument("--list", action="store_true", help="list the spaces and exit")
    parser.add_argument(
        "--data",
        metavar="PATH",
        help=f"data folder, or {EMBEDDED} (default: $CONVOY_DATA, else ./data)",
    )
    parser.add_argument("--trials", type=int, metavar="N", help="settings to try (default: space)")
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="most epochs a trial (default: space)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of everything (default: 0)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="fix a value instead of searching it; may be repeated",
    )
    parser.add_argument("--train-limit", type=int, metavar="N", help="most training images")
    parser.add_argument("--val-limit", type=int, metavar="N", help="most validation images")
    parser.add_argument("--cpus-per-trial", type=int, metavar="N")
    parser.add_argument("--gpus-per-trial", type=float, metavar="F", help="a fraction shares a GPU")
    parser.add_argument("--concurrency", type=int, metavar="N", help="trials at once")
    parser.add_argument(
        "--address", metavar="ADDRESS", help="Ray cluster to join: auto or HOST:PORT"
    )
    parser.add_argument("--out", default="runs", metavar="DIR", help="default: ./runs")
    parser.add_argument("--name", metavar="NAME", help="default: SPACE-DATE-TIME")
    parser.add_argument("--tracking-uri", metavar="URI", help="default: sqlite:///OUT/mlflow.db")
    parser.add_argument("--quiet", action="store_true", help="print nothing but the result")
    return parser


def _listing() -> str:
    """Every space with its data, source and baseline, in lines that fit a narrow terminal."""
    lines = []
    for name in available():
        space = read_space(space_file(name))
        shown = ("optimizer", "lr", "batch_size", "schedule")
        baseline = " ".join(
            f"{key}={space.baseline[key]}" for key in shown if key in space.baseline
        )
        lines += [
            f"{name}",
            f"  data      {space.data.set}",
            f"  source    {space.source.file}: {space.source.result}",
            f"  baseline  {baseline}",
        ]
    return "\n".join(lines)


def _search(arguments: argparse.Namespace, console: Console) -> "tuple[Outcome, Request]":
    request = _request(arguments)
    from search.engine import run_search  # Ray, Optuna and MLflow take seconds to import

    return run_search(request, console), request


def _request(arguments: argparse.Namespace) -> "Request":
    """The request that the flags describe; everything is checked before anything is written."""
    if not arguments.space:
        raise UsageError("--space is missing; choose one of " + ", ".join(available()))
    _check_numbers(arguments)
    _check_cluster(arguments.address)
    path = space_file(arguments.space)
    space, source = read_space(path), resolve(arguments.data)
    fixed = {**(space.embedded.fix if source == EMBEDDED else {})}
    for written in arguments.set:
        key, value = _assignment(written)
        space.check_value(key, value)
        fixed[key] = value
    budget = space.embedded.budget if source == EMBEDDED else space.budget
    out = user_path(arguments.out, "--out")
    name = _search_name(arguments.name, path.stem, out)
    tracking = check_uri(arguments.tracking_uri or f"sqlite:///{out / 'mlflow.db'}")
    dataset = load(space.data, source).limited(arguments.train_limit, arguments.val_limit)
    _check_fits(space, fixed, dataset)
    from search.engine import Request

    return Request(
        name=name,
        space_name=path.stem,
        space_file=path.resolve(),
        space=space,
        source=source,
        dataset=dataset,
        train_limit=arguments.train_limit,
        val_limit=arguments.val_limit,
        budget=budget.asked(arguments.trials, arguments.epochs),
        seed=arguments.seed,
        fixed=fixed,
        cpus_per_trial=arguments.cpus_per_trial,
        gpus_per_trial=arguments.gpus_per_trial,
        concurrency=arguments.concurrency,
        address=arguments.address,
        out=out,
        tracking_uri=tracking,
        quiet=arguments.quiet,
    )


def _check_fits(space: Space, fixed: dict[str, Value], dataset: Dataset) -> None:
    """Build the baseline's network, so that images that it cannot take are refused at once."""
    known = architectures.parameters(space.architecture)
    own = {key: v for key, v in {**space.baseline, **fixed}.items() if key in known}
    network(Setting.of(space.architecture, own, 1, 0), dataset)


def _check_numbers(arguments: argparse.Namespace) -> None:
    least = {"trials": 1, "epochs": 1, "seed": 0, "cpus_per_trial": 1, "concurrency": 1}
    least |= {"train_limit": 1, "val_limit": 1}
    for key, low in least.items():
        value, flag = getattr(arguments, key), f"--{key.replace('_', '-')}"
        if value is not None and value < low:
            raise UsageError(f"{flag} must be {low} or more, not {value}")
        if value is not None and value >= 2**31:
            raise UsageError(f"{flag} must be below 2147483648, not {value}")
    gpus = arguments.gpus_per_trial
    if gpus is not None and not (math.isfinite(gpus) and gpus >= 0):
        raise UsageError(f"--gpus-per-trial must be 0 or more, not {gpus}")
    if gpus is not None and gpus > 1 and gpus != int(gpus):
        raise UsageError(f"--gpus-per-trial above 1 must be a whole number, not {gpus}")


def _assignment(written: str) -> tuple[str, Value]:
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


def _search_name(given: str | None, space: str, out: Path) -> str:
    stem = re.sub(r"[^A-Za-z0-9]+", "-", space).strip("-")[:60] or "search"
    name = given if given is not None else f"{stem}-{datetime.now():%Y%m%d-%H%M%S}"
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError(
            f"--name {name!r}: use letters, digits, '.', '_' and '-' (at most 100), no '..', "
            "no path separators"
        )
    if name in ("artifacts", "mlflow.db"):
        raise UsageError(f"--name {name!r} is taken by MLflow's own files in {out}")
    if (out / name).exists() or (out / name).is_symlink():
        raise UsageError(f"--name {name}: {out / name} exists; choose another name")
    _check_writable(out)
    return name


def _check_writable(out: Path) -> None:
    there = next(folder for folder in (out, *out.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise UsageError(f"--out {out}: {there} is not a folder that can be written to")


def _check_cluster(address: str | None) -> None:
    """Ray itself tries for minutes, and prints its own warnings, before it gives up."""
    if address in (None, "auto"):
        return
    host, _, port = str(address).rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"--address {address}: write auto or HOST:PORT")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except OSError as error:
        raise UsageError(f"--address {address}: no Ray cluster answers ({error})") from error


def _report(outcome: "Outcome", request: "Request", console: Console) -> None:
    """Print the result, and the two commands to go on with."""
    from search.terminal import duration, settings_line

    summary = outcome.summary
    counts, best, baseline = summary.trials, summary.best, summary.baseline
    lines = [
        f"{summary.search}: {summary.status}, {counts['completed']} completed, "
        f"{counts['pruned']} pruned, {counts['failed']} failed of {counts['requested']} trials, "
        f"{summary.epochs} epochs in {duration(summary.wall_seconds)}"
    ]
    if baseline is not None:
        lines.append(f"baseline   {100 * baseline['val_accuracy']:.2f}% validation accuracy")
    if best is not None:
        lines.append(f"best       {100 * best['val_accuracy']:.2f}% in epoch {best['epoch']}")
        if "digit_following" in best:
            lines.append(
                f"           {100 * best['val_accuracy_conflicting']:.2f}% where the digit "
                f"conflicts, {100 * best['digit_following']:.2f}% of those follow the digit"
            )
        lines += [f"settings   {settings_line(best['params'])}", *_next_steps(request)]
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    for error in outcome.errors[:3]:
        print(f"not recorded in MLflow: {error}", file=sys.stderr)


def _next_steps(request: "Request") -> list[str]:
    uri = request.tracking_uri
    local = ["mlflow", "ui", "--backend-store-uri", uri, "--host", "127.0.0.1"]
    analysis = ["python", "-m", "analysis.run", "--search", request.name, "--data", request.source]
    analysis += ["--tracking-uri", uri, "--out", str(request.folder / "analysis")]
    return [
        f"compare    {uri if uri.startswith('http') else shlex.join(local)}",
        f"analyse    {shlex.join(analysis)}",
    ]


def _exit_status(outcome: "Outcome") -> int:
    if outcome.signal is not None:
        return 128 + outcome.signal
    return 3 if outcome.summary.status == "failed-trials" or outcome.errors else 0


if __name__ == "__main__":
    sys.exit(main())

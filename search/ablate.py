"""``python -m search.ablate``: what each part of a setting brings."""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from search import environment
from search.flags import (
    add_flags,
    assignment,
    check_flags,
    check_free,
    new_name,
    out_folder,
    tracking_uri,
)
from search.interruption import exit_status
from search.resume import add_resume_flag, resumed
from search.space import Budget, read_space, space_file
from trainables.boundary.arguments import Arguments
from trainables.boundary.atomic import atomic_file
from trainables.boundary.errors import UsageError
from trainables.data import load, resolve
from trainables.recipe import Setting
from trainables.training import check_fits

if TYPE_CHECKING:
    from search.ablation import Comparison, Estimate, Variant
    from search.engine import Outcome
    from search.request import Request
    from search.task import Task
    from trainables.recipe import Value

FILE = "ablation.json"
_EXAMPLES = """examples:
  python -m search.ablate --space nin --toggle batch_norm --toggle dropout
  python -m search.ablate --run RUN_ID --toggle region_swap --seeds 5
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status, as of ``search.run``."""
    console = Console(highlight=False, markup=False)
    try:
        given = sys.argv[1:] if argv is None else argv
        arguments = command_line().parse_args(given)
        if arguments.resume is not None:
            arguments = resumed(arguments, command_line(), given)
        environment.prepare(loopback=arguments.address is None)
        return _ablate(arguments, console)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print("interrupted", file=sys.stderr)
        return exit_status(error)


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.ablate",
        description="Train a setting with every combination of its parts on and off.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--space", metavar="NAME", help="take the space's baseline")
    parser.add_argument("--run", metavar="RUN_ID", help="take the setting of an MLflow run")
    parser.add_argument(
        "--toggle",
        action="append",
        default=[],
        metavar="KEY",
        help="a part to switch off (false, 0 or none) and on; may be repeated",
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="default: 3")
    add_flags(parser)
    add_resume_flag(parser)
    return parser


def _ablate(arguments: argparse.Namespace, console: Console) -> int:
    from search.ablation import variants
    from search.engine import run_search
    from search.report import ending, exit_status_of, print_errors, print_lines, resume_line

    check_flags(arguments)
    task, space_name = _task(arguments)
    found = variants(task.job.architecture, task.values, arguments.toggle)
    request = _request(arguments, task, space_name, found)
    outcome = run_search(request, console)
    print_lines([ending(outcome.summary)], console)
    print_errors(outcome)
    if outcome.stop is None:
        _conclude(arguments, request, found, outcome, console)
    else:
        print_lines([resume_line(request)], console)
    return exit_status_of(outcome)


def _task(arguments: argparse.Namespace) -> "tuple[Task, str]":
    """The setting to take apart, as a task, and the name of its space."""
    if (arguments.space is None) is (arguments.run is None):
        raise UsageError("give --space NAME or --run RUN_ID")
    task, space_name = _of_run(arguments) if arguments.run else _of_space(arguments)
    asked = {
        "train_limit": arguments.train_limit,
        "val_limit": arguments.val_limit,
        "epochs": arguments.epochs,
    }
    given = {key: value for key, value in asked.items() if value is not None}
    return replace(task, job=replace(task.job, seed=arguments.seed, **given)), space_name


def _of_run(arguments: argparse.Namespace) -> "tuple[Task, str]":
    from search.recorded import recorded_task

    task, space_name = recorded_task(tracking_uri(arguments), arguments.run)
    source = resolve(arguments.data or task.job.source)
    values = {**task.values, **_given(arguments)}
    return replace(task, job=replace(task.job, source=source), values=values), space_name


def _of_space(arguments: argparse.Namespace) -> "tuple[Task, str]":
    from search.task import Job, Task

    path, source = space_file(arguments.space), resolve(arguments.data)
    space = read_space(path)
    epochs = space.budget_on(source).epochs
    data = space.data_on(source)
    job = Job(space.architecture, data, source, None, None, epochs, arguments.seed, 1)
    fixed = space.fixed_on(source, _given(arguments))
    return Task(job, 0, space.baseline_with(fixed)), path.stem


def _given(arguments: argparse.Namespace) -> "dict[str, Value]":
    return dict(assignment(written) for written in arguments.set)


def _request(
    arguments: argparse.Namespace, task: "Task", space_name: str, found: "list[Variant]"
) -> "Request":
    from search.ablation import points
    from search.plan import flags, limits
    from search.proposals import Planned
    from search.request import Request

    job, out = task.job, out_folder(arguments)
    name = new_name(arguments.name, f"ablate-{space_name}")
    if arguments.resume is None:
        check_free(name, out)
    planned = points(found, arguments.seeds)
    dataset = load(job.data, job.source).limited(job.train_limit, job.val_limit)
    for variant in found:
        check_fits(Setting.of(job.architecture, variant.values, 1, 0), dataset)
    return Request(
        name=name,
        kind="ablation",
        space_name=space_name,
        space_file=None,
        reference=None,
        architecture=job.architecture,
        data=job.data,
        proposals=Planned(planned),
        source=job.source,
        dataset=dataset,
        train_limit=job.train_limit,
        val_limit=job.val_limit,
        budget=Budget(trials=len(planned), epochs=job.epochs, finalists=0),
        seed=job.seed,
        limits=limits(arguments),
        out=out,
        tracking_uri=tracking_uri(arguments),
        quiet=arguments.quiet,
        about=_about(arguments),
        flags={**flags(arguments, job.source), "name": name},
        resumed=arguments.resume is not None,
    )


def _about(arguments: argparse.Namespace) -> dict[str, str]:
    of = {"of_run": arguments.run} if arguments.run else {"of_baseline": arguments.space}
    return {"toggles": " ".join(arguments.toggle), "seeds": str(arguments.seeds), **of}


def _conclude(
    arguments: argparse.Namespace,
    request: "Request",
    found: "list[Variant]",
    outcome: "Outcome",
    console: Console,
) -> None:
    """Compare, print, write, draw and record."""
    from search.ablation import compare, effects, points
    from search.report import print_lines

    planned = points(found, arguments.seeds)
    labels = {point.label: (point.label.rpartition("-seed")[0], point.stream) for point in planned}
    ended = [record for record in outcome.records if record.status == "completed"]
    accuracies = {labels[record.label]: record.best_accuracy for record in ended}
    compared, brought = compare(found, accuracies), effects(found, accuracies)
    print_lines(["validation accuracy of the best epoch, %; difference to the first line"], console)
    console.print(_table(compared))
    print_lines(["what each part brings, averaged over the others, in points"], console)
    console.print(_effects_table(brought))
    files = [_write(request, arguments, compared, brought)]
    files += _draw(files[0])
    print_lines([f"written    {path}" for path in files], console)
    _record(request, outcome, files, brought)


def _table(compared: "list[Comparison]") -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("on", overflow="fold")
    for name in ("seeds", "mean", "std", "difference", "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in compared:
        accuracy, seeds = each.accuracy, str(len(each.accuracies))
        if accuracy is None:
            table.add_row(each.label, seeds, "-", "-", "-", "-")
            continue
        figures = (f"{100 * accuracy.mean:.2f}", f"{100 * accuracy.std:.2f}")
        table.add_row(each.label, seeds, *figures, *_signed(each.difference))
    return table


def _effects_table(brought: "dict[str, Estimate | None]") -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("part")
    for name in ("on - off", "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for key, estimate in brought.items():
        table.add_row(key, *_signed(estimate))
    return table


def _signed(estimate: "Estimate | None") -> tuple[str, str]:
    if estimate is None:
        return "-", "-"
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{100 * estimate.mean:+.2f}", f"{low:+.2f} to {high:+.2f}"


def _write(
    request: "Request",
    arguments: argparse.Namespace,
    compared: "list[Comparison]",
    brought: "dict[str, Estimate | None]",
) -> Path:
    """Write ``ablation.json`` into the search's folder; its path."""
    document: dict[str, Any] = {
        "schema": 1,
        "search": request.name,
        "space": request.space_name,
        "data": request.dataset.described(),
        "epochs": request.budget.epochs,
        "seeds": arguments.seeds,
        "toggles": arguments.toggle,
        "metric": "val_accuracy of the best epoch",
        "variants": [asdict(each) for each in compared],
        "effects": {key: each and asdict(each) for key, each in brought.items()},
    }
    path = request.folder / FILE
    with atomic_file(path) as file:
        file.write(json.dumps(document, indent=2).encode())
    return path


def _draw(file: Path) -> list[Path]:
    """The figure of ``file``, if it could be drawn.

    The analysis draws it, in a process of its own: it reads records, and nothing here may import
    it.
    """
    figure = file.with_suffix(".png")
    command = [sys.executable, "-m", "analysis.ablation", str(file), "--out", str(figure)]
    drawn = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    return [figure] if drawn else []


def _record(
    request: "Request",
    outcome: "Outcome",
    files: list[Path],
    brought: "dict[str, Estimate | None]",
) -> None:
    """Add the result to the ablation's MLflow run."""
    from mlflow import MlflowClient

    from search.report import print_refusal

    if outcome.run_id is None:
        return
    try:
        client = MlflowClient(request.tracking_uri)
        for file in files:
            client.log_artifact(outcome.run_id, str(file))
        for key, estimate in brought.items():
            if estimate is not None:
                client.log_metric(outcome.run_id, f"effect.{key}", estimate.mean)
    except Exception as error:  # whatever the store raises, the files are written
        print_refusal(error)


if __name__ == "__main__":
    sys.exit(main())

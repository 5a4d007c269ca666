"""``python -m search.ablate``: what each part of a setting brings."""

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console

from search import environment
from search.driver.interruption import exit_status
from search.request.flags import (
    add_flags,
    assignment,
    check_flags,
    check_free,
    new_name,
    out_folder,
    tracking_uri,
)
from search.request.resume import add_resume_flag, resumed
from search.space.budget import Budget
from search.space.reader import read_space, space_file
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError
from trainables.data import load, resolve
from trainables.recipe import Setting
from trainables.training import check_fits

if TYPE_CHECKING:
    from search.request.request import Request
    from search.selection.ablation import Variant
    from search.trials.spec import TrialSpec
    from trainables.recipe import Value
from search.commands.ablation_report import _conclude

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
    from search.commands.report import (
        ending,
        exit_status_of,
        print_errors,
        print_lines,
        resume_line,
    )
    from search.driver.engine import run_search
    from search.selection.ablation import variants

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


def _task(arguments: argparse.Namespace) -> "tuple[TrialSpec, str]":
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


def _of_run(arguments: argparse.Namespace) -> "tuple[TrialSpec, str]":
    from search.records.run_reader import recorded_task

    task, space_name = recorded_task(tracking_uri(arguments), arguments.run)
    source = resolve(arguments.data or task.job.source)
    values = {**task.values, **_given(arguments)}
    return replace(task, job=replace(task.job, source=source), values=values), space_name


def _of_space(arguments: argparse.Namespace) -> "tuple[TrialSpec, str]":
    from search.trials.spec import Job, TrialSpec

    path, source = space_file(arguments.space), resolve(arguments.data)
    space = read_space(path)
    epochs = space.budget_on(source).epochs
    data = space.data_on(source)
    job = Job(space.architecture, data, source, None, None, epochs, arguments.seed, 1)
    fixed = space.fixed_on(source, _given(arguments))
    return TrialSpec(job, 0, space.baseline_with(fixed)), path.stem


def _given(arguments: argparse.Namespace) -> "dict[str, Value]":
    return dict(assignment(written) for written in arguments.set)


def _request(
    arguments: argparse.Namespace, task: "TrialSpec", space_name: str, found: "list[Variant]"
) -> "Request":
    from search.proposals.planned import Planned
    from search.request.planning import flags, limits
    from search.request.request import Request
    from search.selection.ablation import points

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


if __name__ == "__main__":
    sys.exit(main())

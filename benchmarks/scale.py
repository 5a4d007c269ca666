"""``python -m benchmarks.scale``: what 1,000 and 10,000 trials cost the service itself.

Trials replay recorded learning curves, so that nothing waits for a training. Searcher, scheduler,
scoreboard, summary, printed lines and MLflow records, in an SQLite store of a temporary folder, are
those of a real search. Ray's cluster is not started: what it costs a trial is not in these figures.

``--bound`` tells instead what bounding the sampler's history costs in accuracy.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search import environment
from trainables.arguments import Arguments
from trainables.boundary.door import command
from trainables.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.replayed import Found, Measured
    from search.selection.ablation import EffectEstimate

# Goals, on two cores: seconds, times, MB.
SECONDS, GROWTH, MEMORY = {1_000: 60.0, 10_000: 600.0}, 1.5, 200.0
BOUND_TRIALS, BOUND_SEEDS = 1_500, 6
_KINDS = {"best": "the winner", "late": "mean of the last third of the trials"}


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag is wrong."""
    arguments = _parser().parse_args(argv)
    _check(arguments)
    environment.prepare(loopback=True)
    (_bound if arguments.bound else _scale)(arguments)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument(
        "--trials",
        type=int,
        action="append",
        metavar="N",
        help="trials of a search; may be repeated (1000 and 10000; with --bound 1500)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the searches (0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--bound",
        action="store_true",
        help="compare the sampler with a bounded history and a whole",
    )
    parser.add_argument(
        "--seeds", type=int, default=BOUND_SEEDS, metavar="N", help=f"of --bound ({BOUND_SEEDS})"
    )
    return parser


def _check(arguments: argparse.Namespace) -> None:
    if any(trials < 1 for trials in arguments.trials or []):
        raise UsageError("--trials must be 1 or more")
    if arguments.bound and len(arguments.trials or []) > 1:
        raise UsageError("--bound takes one --trials")
    if arguments.seeds < 2:
        raise UsageError(f"--seeds must be 2 or more, not {arguments.seeds}")
    if arguments.seed < 0:
        raise UsageError(f"--seed must be 0 or more, not {arguments.seed}")
    if arguments.json is not None and not arguments.json.parent.is_dir():
        raise UsageError(f"--json {arguments.json}: {arguments.json.parent} is not there")


def _alone(task: Callable[..., Any], *arguments: object) -> Any:
    """The task's result, from a process of its own, whose memory is nobody else's."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(task, *arguments).result()


def _scale(arguments: argparse.Namespace) -> None:
    from benchmarks.replayed import measure

    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, seed {arguments.seed}")
    found: list[Measured] = []
    for trials in arguments.trials or SECONDS:
        found.append(_alone(measure, trials, arguments.seed))
        _print(found[-1])
    if len(found) > 1:
        times = max(found, key=_trials).milliseconds / min(found, key=_trials).milliseconds
        print(f"a trial of the longest takes {times:.2f} times one of the shortest (goal {GROWTH})")
    _write(arguments.json, [{**asdict(each), "milliseconds": each.milliseconds} for each in found])


def _trials(measured: "Measured") -> int:
    return measured.trials


def _print(measured: "Measured") -> None:
    goal = SECONDS.get(measured.trials)
    print(
        f"{measured.trials} trials, {measured.epochs} epochs: {measured.seconds:.1f} s"
        f"{f' (goal {goal:.0f})' if goal else ''}, {measured.milliseconds:.1f} ms a trial\n"
        f"  the driver took {measured.driver:.1f} s, the last records "
        f"{measured.seconds - measured.driver:.1f} s more; opening the store "
        f"{measured.opening:.1f} s, not counted\n"
        "  CPU a trial: "
        + ", ".join(f"{part} {ms:.2f}" for part, ms in measured.cpu.items())
        + " ms\n"
        f"  memory grew by {measured.memory:.0f} MB (goal {MEMORY:.0f}); "
        f"{measured.errors} writes refused",
        flush=True,
    )


def _bound(arguments: argparse.Namespace) -> None:
    from benchmarks.replayed import find
    from search.selection.ablation import EffectEstimate

    (trials,) = arguments.trials or [BOUND_TRIALS]
    pairs: list[tuple[Found, Found]] = []
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        bounded, whole = (_alone(find, trials, seed, bounded) for bounded in (True, False))
        pairs.append((bounded, whole))
        print(
            f"{trials} trials, seed {seed}, with the bound | without: "
            f"best {bounded.best:.4f} | {whole.best:.4f}, late {bounded.late:.4f} | "
            f"{whole.late:.4f}, {bounded.seconds:.0f} | {whole.seconds:.0f} s of CPU",
            flush=True,
        )
    gains = {
        name: EffectEstimate.of(
            [getattr(ours, name) - getattr(theirs, name) for ours, theirs in pairs]
        )
        for name in ("best", "late")
    }
    print("With the bound minus without, in points of validation accuracy:")
    for name, gain in gains.items():
        print(f"  {_KINDS[name]}: {_described(gain)}")
    _write(
        arguments.json,
        {
            "trials": trials,
            "bounded": [asdict(bounded) for bounded, _ in pairs],
            "whole": [asdict(whole) for _, whole in pairs],
            "difference": {name: asdict(gain) for name, gain in gains.items() if gain},
        },
    )


def _described(gain: "EffectEstimate | None") -> str:
    if gain is None:
        return "unknown"
    mean, low, high = (100 * value for value in (gain.mean, gain.low, gain.high))
    return f"{mean:+.2f} (95% interval {low:+.2f} to {high:+.2f}, {gain.seeds} seeds)"


def _write(file: Path | None, document: object) -> None:
    if file is not None:
        file.write_text(json.dumps(document, indent=2))


if __name__ == "__main__":
    sys.exit(main())

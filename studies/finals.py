"""How often do the finals put the best finalist out? A study with drawn accuracies.

The true accuracy of a setting is drawn, and each training of it adds normal noise, the deviation
between seeds. The finals' own code decides what is trained.
"""

import argparse
import sys
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np

from analysis.audit.intervals import Floats
from benchmarks.command import measured, parser_of
from search.proposals.finals import FinalsSearch
from search.selection.race import Race, race_of
from search.selection.rule import Rule
from search.space.budget import Budget
from search.trials.board import TrialBoard
from search.trials.search_board import SearchBoard
from search.trials.spec import BASELINE, Job, TrialSpec
from trainables.data import EMBEDDED, DataSpec
from trainables.seeding import derive

TRIALS = (8, 12, 24)
SPREADS = (0.1, 1.0, 3.0)  # deviation between settings, in deviations between seeds
DEVIATIONS = (0.01, 0.02, 0.03)  # between seeds, of the races with a finalist far behind
GAP = 0.13  # by which that finalist is behind three equal ones
_JOB = Job("gap5", DataSpec("composite"), EMBEDDED, None, None, epochs=1, seed=0, cpus=1)
_RULE = Rule({}, {})


def race(truths: Floats, deviation: float, rng: np.random.Generator) -> Race:
    """The finals of a search, trained one after the other.

    Args:
        truths: the true accuracy of each trial's setting; the first is the baseline.
        deviation: standard deviation between the seeds of a setting.
        rng: draws the accuracies of the trainings.
    """
    budget = Budget(trials=len(truths), epochs=1)
    board = SearchBoard(budget.trials, 1, 1, budget.finalists, budget.finalist_seeds)

    def train(part: TrialBoard, spec: TrialSpec, truth: float) -> None:
        name = str(spec.number)
        part.started(name, spec)
        part.reported(name, 1, {"val_accuracy": rng.normal(truth, deviation)})
        part.ended(name)

    for number, truth in enumerate(truths):
        label = "" if number else BASELINE
        train(board.trials, TrialSpec(_JOB, number, {"lr": number + 1.0}, label), truth)
    finals = FinalsSearch(board, _RULE, _JOB)
    while isinstance(config := finals.suggest("final"), dict):
        spec = TrialSpec.from_config(config)
        train(board.finals, spec, truths[spec.repeats or 0])
        finals.on_trial_complete("final")
    return race_of(board, _RULE)


@dataclass(frozen=True)
class RaceRates:
    """The results of many races.

    Attributes:
        trials: number of trials of each search.
        spread: deviation between settings, in deviations between seeds.
        best_out: share of the races that put the truly best finalist out.
        trained: trainings, as a share of those without a race.
    """

    trials: int
    spread: float
    best_out: float
    trained: float


def rates(trials: int, spread: float, races: int, rng: np.random.Generator) -> RaceRates:
    """The rates over ``races`` races among settings of drawn accuracies."""
    out, trained = 0, 0.0
    for _ in range(races):
        truths = rng.normal(0.8, 0.01 * spread, trials)
        ended = race(truths, 0.01, rng)
        best = max(ended.contenders, key=lambda each: float(truths[each.number]))
        out += best.number in ended.out
        trained += ended.due / (len(ended.contenders) * ended.seeds)
    return RaceRates(trials, spread, out / races, trained / races)


def outlasted(deviation: float, races: int, rng: np.random.Generator) -> list[float]:
    """The shares of races that put a finalist far behind out after one seed, and by two."""
    truths = 0.8 - np.array([GAP, 0, 0, 0])
    ended = [len(race(truths, deviation, rng).trainings[0]) for _ in range(races)]
    return [float(np.mean([seeds <= most for seeds in ended])) for most in (1, 2)]


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag is wrong."""
    parser = parser_of("studies.finals", __doc__)
    parser.add_argument(
        "--races", type=int, default=2000, metavar="N", help="races per line (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="seed of all draws (default: %(default)s)"
    )
    return measured(parser, _study, argv, {"races": 1, "seed": 0})


def _study(arguments: argparse.Namespace) -> dict[str, Any]:
    print("trials  settings / seeds  best is out  trainings", flush=True)
    lines = []
    for number, (trials, spread) in enumerate(product(TRIALS, SPREADS)):
        rng = np.random.default_rng(derive(arguments.seed, number))
        lines.append(each := rates(trials, spread, arguments.races, rng))
        shares = f"{100 * each.best_out:10.2f}% {100 * each.trained:9.1f}%"
        print(f"{trials:6} {spread:17g} {shares}", flush=True)
    print("\nseeds' deviation  13 points behind is out after seed 1  by seed 2", flush=True)
    behind = {}
    for deviation in DEVIATIONS:
        rng = np.random.default_rng(derive(arguments.seed, "behind", f"{deviation:g}"))
        behind[f"{deviation:g}"] = out = outlasted(deviation, arguments.races, rng)
        print(f"{100 * deviation:9.0f} points {100 * out[0]:37.1f}% {100 * out[1]:9.1f}%")
    return {"races": [asdict(each) for each in lines], "behind": behind}


if __name__ == "__main__":
    sys.exit(main())

"""``python -m studies.selection``: how often each rule of selection chooses the truly best setting.

Simulated searches replay recorded trainings of thirty settings of three architectures. Each search
draws settings, their order and a recorded seed of each; Convoy's own scheduler stops some. All
rules see the same searches. Their choice is compared with the truly best setting that was tried:
the one with the highest mean accuracy, over all its seeds, on unbiased images that no search sees.
The study runs twice: searches see the validation split and the test split is the truth, and then
the reverse, as a thousand images separate close settings only by chance.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.command import measured, output_file, parser_of
from search.selection.ablation import EffectEstimate
from search.space.budget import Budget
from search.space.reader import SPACES, read_space
from studies.selection.choosing import (
    CONVOY,
    RULES,
    SPLITS,
    AccuracyTable,
    Chosen,
    Floats,
    RandomDraws,
    SelectionRule,
    choices,
)
from studies.selection.recording import CURVES, SETTINGS, RecordedCurve, StudySetting, read_lines
from trainables.seeding import derive

SPACE = "gap5"  # every search has this space's embedded budget
_ALONE = replace(CONVOY, finalists=False)
# The comparisons, search by search: a rule, and the rule from which it differs in one choice.
COMPARED = {
    "one ladder for all architectures": (replace(CONVOY, ladders="pooled"), CONVOY),
    "the last epoch": (replace(CONVOY, epoch="last"), CONVOY),
    "no finalists": (_ALONE, CONVOY),
    "biased validation images": (replace(CONVOY, validation="biased"), CONVOY),
    "one ladder, neither finalists": (replace(_ALONE, ladders="pooled"), _ALONE),
}
# Head and decimals in the table, title and decimals in the figure, all in percent.
_COLUMNS = {
    "architecture": ("architecture", 1, "best architecture chosen, %", 0),
    "setting": ("setting", 1, "best setting chosen, %", 0),
    "within": ("of its own", 1, "", 0),
    "regret": ("regret", 2, "regret, points", 1),
    "overstated": ("overstated", 1, "reported less true, points", 1),
}
EffectEstimates = dict[str, EffectEstimate]


def scores(chosen: Chosen, table: AccuracyTable, draws: RandomDraws) -> dict[str, float]:
    """The quality of one choice.

    ``architecture`` is 1 if the chosen setting has the architecture of the truly best setting that
    was tried; ``setting`` if it is that setting; ``within`` if it is the best of its own
    architecture. ``regret`` is the best setting's true accuracy minus the chosen one's.
    ``overstated`` is the reported minus the true accuracy; ``unused`` is the same with only the
    seeds that the search did not train.
    """
    names, setting, truth = table.architectures, chosen.setting, table.truth.tolist()
    best = max(draws.order, key=truth.__getitem__)
    own = [index for index in draws.order if names[index] == names[setting]]
    return {
        "architecture": float(names[setting] == names[best]),
        "setting": float(setting == best),
        "within": float(setting == max(own, key=truth.__getitem__)),
        "regret": truth[best] - truth[setting],
        "overstated": chosen.score - truth[setting],
        "unused": float(table.worth[setting, draws.unused[setting]].mean()),
        "epochs": float(chosen.epochs),
    }


@dataclass(frozen=True)
class SelectionResult:
    """The means of ``scores`` by rule over many simulated searches, and the effects of changes.

    ``truth`` is the true accuracy of every setting, by architecture. ``unchosen`` is by how much a
    training that was not chosen overstates its accuracy, and ``best_epoch`` by how much its best
    epoch is better than its last on unseen images.
    """

    truth: dict[str, list[float]]
    rules: list[tuple[SelectionRule, EffectEstimates]]
    changes: dict[str, EffectEstimates]
    unchosen: EffectEstimate | None
    best_epoch: EffectEstimate | None


def simulate(table: AccuracyTable, budget: Budget, searches: int, seed: int) -> SelectionResult:
    """Simulate ``searches`` searches, at least 2."""
    rows = []
    for number in range(searches):
        draws = RandomDraws.of(table, budget.trials, np.random.default_rng(derive(seed, number)))
        rows.append([scores(each, table, draws) for each in choices(table, draws, budget)])
    names, values = table.architectures, [[list(each.values()) for each in row] for row in rows]
    by_rule = dict(zip(RULES, np.array(values).swapaxes(0, 1), strict=True))
    return SelectionResult(
        {name: table.truth[np.array(names) == name].tolist() for name in dict.fromkeys(names)},
        [(rule, _estimates(rows[0][0], each)) for rule, each in by_rule.items()],
        {
            name: _estimates(rows[0][0], by_rule[rule] - by_rule[other])
            for name, (rule, other) in COMPARED.items()
        },
        EffectEstimate.of((table.seen("unbiased").max(axis=2) - table.worth).ravel().tolist()),
        EffectEstimate.of((table.worth - table.unseen[:, :, -1]).ravel().tolist()),
    )


def _estimates(names: Iterable[str], values: Floats) -> EffectEstimates:
    """The estimates by figure, from ``values`` (searches, figures)."""
    estimates = zip(names, (EffectEstimate.of(column.tolist()) for column in values.T), strict=True)
    return {name: estimate for name, estimate in estimates if estimate is not None}


def described(result: SelectionResult) -> str:
    """The printed form of all tables, in percent and points."""
    heads = "".join(f"{name:>12}" for name, *_ in _COLUMNS.values())
    return "\n".join(
        [
            "true accuracy of the settings, best first",
            *(
                f"  {name:8}" + " ".join(f"{100 * each:5.1f}" for each in sorted(own)[::-1])
                for name, own in result.truth.items()
            ),
            f"\n{'':33}{heads}{'epochs':>8}",
            *(_line(str(rule), estimates) for rule, estimates in result.rules),
            "\none choice changed: the difference",
            *(_line(name, change, "+") for name, change in result.changes.items()),
            "\nof trainings that nobody chose, in points: "
            f"accuracy overstated by {_cell(result.unchosen, '+', 2)}; "
            f"best epoch over last, truly {_cell(result.best_epoch, '+', 2)}",
        ]
    )


def _line(name: str, estimates: EffectEstimates, sign: str = "") -> str:
    cells = [_cell(estimates[key], sign, digits) for key, (_, digits, *_) in _COLUMNS.items()]
    epochs = f"{estimates['epochs'].mean:{sign}z.0f}"
    return f"{name:33}" + "".join(f"{cell:>12}" for cell in cells) + f"{epochs:>8}"


def _cell(estimate: EffectEstimate | None, sign: str, digits: int) -> str:
    if estimate is None:
        return "unknown"
    mean, reach = 100 * estimate.mean, 100 * (estimate.high - estimate.mean)
    return f"{mean:{sign}z.{digits}f} ±{reach:.{digits}f}"


def draw(results: Mapping[str, SelectionResult]) -> Figure:
    """Draw Convoy's rule and rules with one change: means with 95% intervals, by seen split."""
    rules = {"as Convoy chooses": CONVOY}
    rules |= {name: rule for name, (rule, other) in COMPARED.items() if other == CONVOY}
    figure = Figure(figsize=(8.4, 5.4), layout="constrained")
    panels = figure.subplots(2, 2, sharey=True)
    shown = [(key, *each[2:]) for key, each in _COLUMNS.items() if each[2]]
    for axes, (key, title, digits) in zip(panels.flat, shown, strict=True):
        for split, result in results.items():
            by_rule = dict(result.rules)
            _draw_points(axes, [by_rule[rule][key] for rule in rules.values()], split, digits)
        axes.set_title(title, fontsize=11)
        axes.margins(x=0.2, y=0.14)
        axes.grid(axis="x", alpha=0.3)
    panels[0, 0].set_yticks(range(len(rules)), list(rules))
    panels[0, 0].invert_yaxis()
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _draw_points(axes: Axes, estimates: list[EffectEstimate], split: str, digits: int) -> None:
    """Draw one row for each rule, with the two splits slightly above and below its middle."""
    first = split == SPLITS[0]
    label = "searches see the validation split" if first else "they see the test split"
    for place, estimate in enumerate(estimates):
        mean, reach = 100 * estimate.mean, 100 * (estimate.high - estimate.mean)
        height = place + (-0.16 if first else 0.16)
        axes.errorbar(
            mean, height, xerr=reach, fmt="o", fillstyle="full" if first else "none", capsize=3,
            color="tab:gray" if place else "tab:blue", label=label if place == 1 else None,
        )  # fmt: skip
        text, at = f"{mean:z.{digits}f}", (mean + reach, height)
        axes.annotate(text, at, (5, 0), textcoords="offset points", va="center", fontsize=9)


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag is wrong."""
    parser = parser_of("studies.selection", __doc__)
    parser.add_argument(
        "--resamples",
        type=int,
        default=500,
        metavar="N",
        help="simulated searches (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="seed of all draws (default: %(default)s)"
    )
    parser.add_argument("--figure", metavar="FILE", help="PNG of the effect of each choice")
    return measured(parser, _study, argv, {"resamples": 2, "seed": 0})


def _study(arguments: argparse.Namespace) -> dict[str, Any]:
    figure = output_file(arguments.figure, "--figure")
    settings = read_lines(StudySetting, SETTINGS)
    curves = read_lines(RecordedCurve, CURVES)
    budget, results = read_space(SPACES / f"{SPACE}.yaml").embedded.budget, {}
    print(f"{arguments.resamples} searches, seed {arguments.seed}; ± is the 95% interval over them")
    for split in SPLITS:
        table = AccuracyTable.of(settings, curves, split)
        results[split] = simulate(table, budget, arguments.resamples, arguments.seed)
        name = "validation" if split == "val" else split
        print(f"\nSearches see the {name} split.\n\n{described(results[split])}", flush=True)
    if figure is not None:
        draw(results).savefig(figure, format="png", dpi=120)
    return {split: asdict(result) for split, result in results.items()}


if __name__ == "__main__":
    sys.exit(main())

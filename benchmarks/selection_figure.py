"""What each of Convoy's choices is worth, as one figure."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.choosing import CONVOY
from benchmarks.verdict import COMPARED, Verdict
from search.selection.ablation import EffectEstimate

_PANELS = {  # digits behind the point
    "architecture": ("best architecture chosen, %", 0),
    "setting": ("best setting chosen, %", 0),
    "regret": ("regret, points", 1),
    "overstated": ("reported less true, points", 1),
}
_FILLS = {
    "val": ("full", "searches see the validation split"),
    "test": ("none", "they see the test split"),
}


def draw(verdicts: Mapping[str, Verdict]) -> Figure:
    """Convoy's choice and each with one thing changed: means with 95% intervals.

    Args:
        verdicts: by the split that searches see.
    """
    rules = {name: rule for name, (rule, other) in COMPARED.items() if other == CONVOY}
    rules = {"as Convoy chooses": CONVOY, **rules}
    figure = Figure(figsize=(8.4, 5.4), layout="constrained")
    panels = figure.subplots(2, 2, sharey=True)
    for axes, (name, (title, digits)) in zip(panels.flat, _PANELS.items(), strict=True):
        for seen, verdict in verdicts.items():
            found = [verdict.row(rule).figures[name] for rule in rules.values()]
            _points(axes, found, seen, digits)
        axes.set_title(title, fontsize=11)
        axes.margins(x=0.2, y=0.14)
        axes.grid(axis="x", alpha=0.3)
    panels[0, 0].set_yticks(range(len(rules)), list(rules))
    panels[0, 0].invert_yaxis()
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _points(axes: Axes, estimates: list[EffectEstimate], seen: str, digits: int) -> None:
    """A row each; those of the two splits a little above and below its middle."""
    fill, label = _FILLS[seen]
    shift = -0.16 if seen == "val" else 0.16
    for place, estimate in enumerate(estimates):
        mean, reach = 100 * estimate.mean, 100 * (estimate.high - estimate.mean)
        axes.errorbar(
            mean,
            place + shift,
            xerr=reach,
            fmt="o",
            fillstyle=fill,
            color="tab:gray" if place else "tab:blue",
            capsize=3,
            label=label if place == 1 else None,
        )
        text = f"{mean:z.{digits}f}"  # no -0.0
        axes.annotate(
            text, (mean + reach, place + shift), (5, 0), textcoords="offset points",
            va="center", fontsize=9,
        )  # fmt: skip

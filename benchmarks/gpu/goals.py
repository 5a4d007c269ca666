"""The goals for a GPU, and whether it reached them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.gpu.bench import EPOCH, Line
from benchmarks.gpu.training import BEFORE, GRAPH

Read = Callable[[list[Line]], float | None]


@dataclass(frozen=True)
class Goal:
    """A figure and its bound.

    Attributes:
        name: name of the figure.
        bound: the worst value that reaches the goal.
        unit: unit of both.
        least: whether the figure should be at least ``bound``, instead of at most.
        read: reads the figure from the lines of a run; None if it was not measured.
    """

    name: str
    bound: float
    unit: str
    least: bool
    read: Read

    def verdict(self, lines: list[Line]) -> str:
        """``reached``, ``missed`` or ``not measured``."""
        figure = self.read(lines)
        if figure is None:
            return "not measured"
        reached = figure >= self.bound if self.least else figure <= self.bound
        return "reached" if reached else "missed"


def figure(lines: list[Line], part: str, key: str, **where: Any) -> float | None:
    """The value of ``key`` in the first line of a part that has it and all of ``where``."""
    for line in lines:
        if line["part"] == part and key in line and where.items() <= line.items():
            return float(line[key])
    return None


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def _epoch(name: str, way: str = GRAPH) -> Read:
    return lambda lines: figure(lines, "steps", "epoch_ms", architecture=name, way=way)


def _floors(name: str) -> Read:
    def read(lines: list[Line]) -> float | None:
        operations = figure(lines, "steps", "gflop_an_image", architecture=name)
        rates = [line["tflops"] for line in lines if "tflops" in line]
        if operations is None or not rates:
            return None
        return _ratio(_epoch(name)(lines), EPOCH * operations / max(rates))  # GFLOP/TFLOPs: ms

    return read


def _faster(name: str) -> Read:
    return lambda lines: _ratio(_epoch(name, BEFORE)(lines), _epoch(name)(lines))


def _packed(name: str, batch: int) -> Read:
    def rate(lines: list[Line], members: int) -> float | None:
        where = {"architecture": name, "batch": batch, "members": members}
        return figure(lines, "packs", "images_s", **where)

    return lambda lines: _ratio(rate(lines, 16), rate(lines, 1))


def _augmented(lines: list[Line]) -> float | None:
    rate = figure(lines, "AutoAugment", "images_s", images=4096)
    return rate and rate / 1e6


def _evaluated(name: str) -> Read:
    where = {"architecture": name, "format": "bfloat16"}
    return lambda lines: figure(lines, "evaluation", "ms", **where)


GOALS = (
    Goal("conv3, an epoch of 50,000", 50, "ms", False, _epoch("conv3")),
    Goal("gap5 at stride 2, an epoch of 50,000", 100, "ms", False, _epoch("gap5")),
    Goal("gap6, over the arithmetic floor", 3, "times", False, _floors("gap6")),
    Goal("resnet18, over the arithmetic floor", 3, "times", False, _floors("resnet18")),
    Goal("conv3, graph over the former eager step", 8, "times", True, _faster("conv3")),
    Goal("gap5, graph over the former eager step", 8, "times", True, _faster("gap5")),
    Goal("conv3, 16 members over one, batch 128", 2, "times", True, _packed("conv3", 128)),
    Goal("gap5, 16 members over one, batch 128", 2, "times", True, _packed("gap5", 128)),
    Goal("conv3, 16 members over one, batch 20", 5, "times", True, _packed("conv3", 20)),
    Goal("AutoAugment", 1, "M images/s", True, _augmented),
    Goal("conv3, evaluation of 10,000", 10, "ms", False, _evaluated("conv3")),
    Goal("gap5, evaluation of 10,000", 10, "ms", False, _evaluated("gap5")),
)


def table(lines: list[Line], *, dry: bool) -> str:
    """A table of every goal with its figure; a dry run has no verdicts."""
    rows = [f"{'':44}{'goal':>16}{'measured':>10}"]
    for goal in GOALS:
        found, sign = goal.read(lines), ">=" if goal.least else "<="
        cell = "" if found is None else f"{found:,.3g}"
        verdict = "dry run" if dry and found is not None else goal.verdict(lines)
        bound = f"{sign} {goal.bound:g} {goal.unit}"
        rows.append(f"{goal.name:44}{bound:>16}{cell:>10}  {verdict}")
    return "\n".join(rows)

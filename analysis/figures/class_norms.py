"""Mean activation norm by class of every filter of the first and last convolution."""

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from analysis.activations import FilterStatistics, Floats
from analysis.class_names import name_ticks
from analysis.figures import Caption, Drawing
from analysis.look import SMALL, TEXT, WIDTH, class_colours
from analysis.subject import Subject

GROUP = "activations"
HEAD = 0.6  # inches above the bars of a layer
COLUMNS, MAX_FILTERS = 10, 128
MAX_BARS = 20  # classes; if there are more, a filter is a row of colours


def draw(subject: Subject) -> Drawing:
    """Draw a small bar plot for each filter, one bar per class, one scale per layer."""
    layers, names = list(subject.activations.values()), subject.figure_names
    figure = _bars(layers, names) if len(names) <= MAX_BARS else _images(layers, names)
    numbers = {each.layer.name: _numbers(each) for each in layers}
    return Drawing(figure, numbers, _caption(subject))


def _bars(layers: list[FilterStatistics], names: tuple[str, ...]) -> Figure:
    """A small bar plot for each filter."""
    rows = [-(-min(len(each.norms["raw"]), MAX_FILTERS) // COLUMNS) for each in layers]
    heights = [0.8 * count + HEAD for count in rows]
    ncols = min(len(names), int(WIDTH / (0.5 + 0.08 * max(map(len, names)))))
    below = 0.1 + 0.2 * -(-len(names) // ncols)
    figure = Figure(figsize=(WIDTH, sum(heights) + below))
    grid = figure.add_gridspec(1 + len(layers), 1, height_ratios=[*heights, below], hspace=0)
    for place, (each, count) in enumerate(zip(layers, rows, strict=True)):
        _draw_layer(figure.add_subfigure(grid[place, 0]), each, count, HEAD / heights[place])
    pairs = zip(class_colours(len(names)), names, strict=True)
    handles = [Patch(facecolor=colour, edgecolor="0.4", label=name) for colour, name in pairs]
    figure.legend(handles=handles, loc="lower center", ncols=ncols, fontsize=TEXT)
    return figure


def _images(layers: list[FilterStatistics], names: tuple[str, ...]) -> Figure:
    """A coloured row for each filter, if there are many classes."""
    figure = Figure(figsize=(WIDTH, 0.5 + 5 * len(layers)), layout="constrained")
    for axes, each in zip(
        figure.subplots(len(layers), 1, squeeze=False)[:, 0], layers, strict=True
    ):
        norms = each.norms["raw"][:MAX_FILTERS]
        image = axes.imshow(norms, aspect="auto", cmap="viridis", interpolation="nearest")
        figure.colorbar(image, ax=axes, label="mean norm")
        name_ticks(axes, names, "x")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("filter")
        axes.set_title(f"{each.layer.name}: mean norm of each filter's map by class")
    return figure


def selectivity(norms: Floats) -> Floats:
    """(largest - mean of the others) / (largest + mean of the others), for (filters, classes).

    It is 0 if a filter treats all classes alike, and 1 if only one class excites it (Morcos et al.
    2018, "On the importance of single directions for generalization").
    """
    classes = (~np.isnan(norms)).sum(axis=1)
    largest = np.nanmax(norms, axis=1)
    others = (np.nansum(norms, axis=1) - largest) / np.maximum(classes - 1, 1)
    index: Floats = (largest - others) / np.maximum(largest + others, 1e-12)
    return index


def _draw_layer(part: SubFigure, each: FilterStatistics, rows: int, head: float) -> None:
    """Draw a layer on one axes, as hundreds of axes would take minutes."""
    norms = each.norms["raw"][:MAX_FILTERS]
    top = float(np.nanmax(norms)) or 1.0
    axes = part.add_axes((0.02, 0.0, 0.97, 1 - head))
    classes = norms.shape[1]
    style: dict[str, Any] = {"color": class_colours(classes), "edgecolor": "0.4", "linewidth": 0.4}
    for number, row in enumerate(norms):
        line, column = divmod(number, COLUMNS)
        left, base = column * (classes + 2), (rows - 1 - line) * 1.4
        places = left + np.arange(classes)
        axes.bar(places, np.nan_to_num(row) / top, 0.9, base, **style)
        axes.text(left - 0.5, base + 1.03, f"filter {number}", fontsize=SMALL, va="bottom")
        axes.plot((left - 0.6, left + classes - 0.4), (base, base), color="0.6", linewidth=0.5)
    axes.set(xlim=(-1, COLUMNS * (classes + 2) - 2), ylim=(-0.05, rows * 1.4))
    axes.axis("off")
    part.suptitle(
        f"{each.layer.name}: mean norm of each filter's map by class; full height is {top:.3g}",
        y=1 - 0.35 * head,
    )


def _numbers(each: FilterStatistics) -> dict[str, Any]:
    raw = each.norms["raw"]
    places = {
        name: {
            "mean_norm": _rounded(norms),
            "mean_norm_over_root_of_area": _rounded(norms / np.sqrt(each.area)),
            "spread_within_class": _rounded(each.spreads[name]),
            "variance_across_classes": _rounded(np.nanvar(norms, axis=1)),
            "selectivity": _rounded(selectivity(norms)),
        }
        for name, norms in each.norms.items()
    }
    order = np.argsort(-selectivity(raw), kind="stable")[:5]
    return {"area": each.area, "most_selective": order.tolist(), **places}


def _rounded(values: Floats) -> Any:
    """The values as lists, with None for a class without images."""
    if values.ndim > 1:
        return [_rounded(row) for row in values]
    return [None if math.isnan(value) else round(value, 6) for value in values.tolist()]


def _caption(subject: Subject) -> Caption:
    few = len(subject.figure_names) <= MAX_BARS
    names = ", ".join(f"{place} {name}" for place, name in enumerate(subject.figure_names))
    selectivities = "; ".join(
        f"{name}: mean selectivity {float(selectivity(each.norms['raw']).mean()):.3f}, most "
        f"selective filter {int(np.argmax(selectivity(each.norms['raw'])))}"
        for name, each in subject.activations.items()
    )
    return Caption(
        "How strongly each class excites every filter of the first and the last convolution"
        f"{f' ({names})' if few else ''}. {selectivities}.",
        f"The L2 norm of the filter's map, averaged over the class's {subject.split_name} images. "
        f"{'Bars' if few else 'Colours'} show the convolution's own output. The numbers also hold "
        "the norms after BN and ReLU, the norms divided by the root of the map's area (to compare "
        "layers), the variance across classes, and the selectivity index (largest - others) / "
        "(largest + others).",
        "A norm has no sign, so it cannot show that a class lowers a filter's output. A selective "
        "filter need not matter for the prediction. At most "
        f"{MAX_FILTERS} filters of a layer are drawn.",
    )

"""The five images that excite each filter most, by the mean and by the maximum of its map."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.activations import TOP, FilterStatistics
from analysis.class_names import shortened
from analysis.figures import Caption, Drawing
from analysis.look import SMALL
from analysis.subject import Subject

GROUP = "activations"
MAX_FILTERS, STEP = 6, 5  # most filters of a layer, and the step between them if it has enough
LONGEST = 12  # characters of a class's name above a thumbnail


def draw(subject: Subject) -> Drawing:
    """Draw a row for each filter: the top images by mean on the left, by maximum on the right."""
    layers = list(subject.activations.values())
    shown = [_spread(len(each.top["mean"].images)) for each in layers]
    rows = [len(filters) for filters in shown]
    figure = Figure(figsize=(9.4, sum(0.95 * count + 0.4 for count in rows)), layout="constrained")
    panels = figure.subplots(len(layers), 2, squeeze=False, height_ratios=rows)
    for each, filters, line in zip(layers, shown, panels, strict=True):
        for axes, statistic in zip(line, ("mean", "max"), strict=True):
            _draw_tops(axes, subject, filters, each.top[statistic].images[filters])
            axes.set_title(f"{each.layer.name}: largest {statistic}")
    numbers = {each.layer.name: _numbers(each) for each in layers}
    return Drawing(figure, numbers, _caption(subject, layers))


def _spread(count: int) -> list[int]:
    """Evenly spaced filters from the first on, closer together in a small layer."""
    return list(range(0, count, min(STEP, max(1, count // MAX_FILTERS))))[:MAX_FILTERS]


def _draw_tops(axes: Axes, subject: Subject, filters: list[int], chosen: np.ndarray) -> None:
    """Draw a row of thumbnails for each filter, each below the name of its class."""
    for (row, column), index in np.ndenumerate(chosen):
        left, top, picture = column * 1.08, row * 1.22, subject.picture(index)
        down, across = (side / max(picture.shape) for side in picture.shape[:2])
        middle = left + 0.5
        place = (middle - across / 2, middle + across / 2, top + down, top)
        axes.imshow(picture, extent=place)
        name = shortened(subject.figure_names[subject.split.labels[index]], LONGEST)
        axes.text(middle, top - 0.02, name, fontsize=SMALL, ha="center", va="bottom")
    places = 0.5 + 1.22 * np.arange(len(chosen))
    axes.set_yticks(places, [f"filter\n{number}" for number in filters], fontsize=SMALL)
    axes.set(xticks=[], xlim=(-0.05, TOP * 1.08), ylim=(1.22 * len(chosen) - 0.1, -0.25))
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)


def overlap(each: FilterStatistics) -> np.ndarray:
    """For each filter, the share of its top images by mean that are also top by maximum."""
    by_mean, by_max = each.top["mean"].images, each.top["max"].images
    pairs = zip(by_mean, by_max, strict=True)
    return np.array([len(set(a) & set(b)) / len(a) for a, b in pairs])


def shared_between_filters(each: FilterStatistics, statistic: str) -> float:
    """Mean share of top images that two filters have in common, over all pairs of filters."""
    sets = [set(row) for row in each.top[statistic].images.tolist()]
    if len(sets) < 2:
        return 0.0
    shares = [len(a & b) / len(a) for i, a in enumerate(sets) for b in sets[:i]]
    return float(np.mean(shares))


def _numbers(each: FilterStatistics) -> dict[str, Any]:
    tops = {
        name: {
            "images": top.images.tolist(),
            "values": np.round(top.values, 6).tolist(),
            "shared_between_filters": shared_between_filters(each, name),
        }
        for name, top in each.top.items()
    }
    return {**tops, "overlap_of_mean_and_max": overlap(each).tolist()}


def _caption(subject: Subject, layers: list[FilterStatistics]) -> Caption:
    overlaps = "; ".join(
        f"{each.layer.name} {100 * float(overlap(each).mean()):.0f}%" for each in layers
    )
    alike = "; ".join(
        f"{each.layer.name} {100 * shared_between_filters(each, 'mean'):.0f}% by mean, "
        f"{100 * shared_between_filters(each, 'max'):.0f}% by maximum"
        for each in layers
    )
    return Caption(
        f"For up to {MAX_FILTERS} filters of the first and of the last convolution, the five "
        f"{subject.split_name} images with the largest mean and with the largest maximum of the "
        "filter's map. Share of top images that both rankings have in common: "
        f"{overlaps}. Mean share that two filters have in common: {alike}.",
        f"All {len(subject.split):,} images are ranked by the map after BN and ReLU, if the layer "
        "has them, before pooling. Filters are evenly spaced, not chosen; the numbers hold all.",
        "The mean favours bright and uniform images, whatever the filter detects; the maximum "
        "favours one spot. Top images do not show how a filter responds to other images.",
    )

"""The five images that excite each filter most, by the mean and by the maximum of its map."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from analysis.activations import FilterStatistics
from analysis.figures import Caption, Drawing
from analysis.panels import mosaic, show
from analysis.subject import Subject

GROUP = "activations"
MAX_FILTERS = 16


def draw(subject: Subject) -> Drawing:
    """A row a filter of the first and last convolution, by mean on the left, by maximum right."""
    layers = list(subject.activations.values())
    rows = max(min(MAX_FILTERS, len(each.top["mean"].images)) for each in layers)
    figure = Figure(figsize=(5.6 * len(layers), 1 + 0.5 * rows), layout="constrained")
    for place, axes in enumerate(np.ravel(figure.subplots(1, 2 * len(layers), squeeze=False))):
        each, statistic = layers[place // 2], ("mean", "max")[place % 2]
        chosen = each.top[statistic].images[:MAX_FILTERS]
        tiles = mosaic(subject.split.images[chosen.ravel()], chosen.shape[1])
        show(axes, tiles, f"{each.layer.name}, by {statistic}")
        size = subject.dataset.image_size + 1
        axes.set_yticks(size * np.arange(len(chosen)) + size / 2, range(len(chosen)), fontsize=7)
    numbers = {each.layer.name: _numbers(each) for each in layers}
    return Drawing(figure, numbers, _caption(subject, layers))


def overlap(each: FilterStatistics) -> np.ndarray:
    """For every filter the share of its top images by mean that are also top by maximum."""
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
        f"For the first {MAX_FILTERS} filters of the first and of the last convolution, the five "
        f"{subject.split_name} images with the largest mean and the largest maximum of the "
        f"filter's map. Shared by both rankings: {overlaps}. Shared by two filters: {alike}.",
        f"All {len(subject.split):,} images are ranked, by the map after BN and ReLU where they "
        "follow, before pooling.",
        "The mean rewards bright and uniform images, whatever the filter detects; the maximum "
        "rewards one spot. Top images show what excites a filter most, not what it does for the "
        "others.",
    )

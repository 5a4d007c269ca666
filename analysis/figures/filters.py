"""The weights of the first convolution, in colour and by channel, and of later convolutions."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from analysis.figures import Caption, Drawing
from analysis.layers import Layer
from analysis.look import SIGNED, TEXT
from analysis.panels import mosaic, show, visible
from analysis.subject import Subject

GROUP = "filters"
MAX_FILTERS, LATER = 64, 4  # most filters of a layer; most layers besides the first
DOWN, ACROSS = 6, 24  # kernels of a later layer: rows of filters, columns of input channels
NAMED = 6  # most layers that the caption names as not drawn
CHANNELS = ("red", "green", "blue")


def draw(subject: Subject) -> Drawing:
    """Draw the first layer's filters in four panels, and later layers below, one per row."""
    first, *rest = subject.layers
    later = _spread([layer for layer in rest if max(layer.convolution.kernel_size) > 1])
    pixels = _weights(first).shape[1] in (1, len(CHANNELS))
    above, below = ([first], later) if pixels else ([], [first, *later])
    heights = [2.6] * len(above) + [_height(layer) for layer in below]
    figure = Figure(figsize=(9.4, sum(heights)), layout="constrained")
    grid = GridSpec(len(heights), 4, figure=figure, height_ratios=heights)
    if pixels:
        _draw_first(figure, grid, first)
    for row, layer in enumerate(below, start=len(above)):
        _draw_later(figure, grid, row, layer)
    numbers = [_numbers(layer) for layer in (first, *later)]
    missing = [layer.name for layer in rest if layer not in later]
    return Drawing(figure, {"layers": numbers, "not_drawn": missing}, _caption(first, missing))


def _draw_first(figure: Figure, grid: GridSpec, first: Layer) -> None:
    """Draw the filters in colour, then by input channel; filters of one channel are grey."""
    weights = _weights(first)
    columns = int(np.ceil(np.sqrt(len(weights))))
    names = CHANNELS if weights.shape[1] == len(CHANNELS) else ("one scale",)
    heading = f"{first.name}: {len(weights)} filters in {'colour' if len(names) > 1 else 'grey'}"
    show(figure.add_subplot(grid[0, 0]), mosaic(_in_colour(weights), columns), heading)
    for place, name in enumerate(names):
        axes = figure.add_subplot(grid[0, place + 1])
        image = show(axes, mosaic(weights[:, place], columns), name, **_scale(weights))
    figure.colorbar(image, ax=axes, shrink=0.8)


def _spread(layers: list[Layer]) -> list[Layer]:
    """At most ``LATER`` of the layers, evenly spaced from the first to the last."""
    places = np.linspace(0, len(layers) - 1, LATER).astype(int).tolist() if layers else []
    return [layers[place] for place in sorted(set(places))]


def _weights(layer: Layer) -> np.ndarray:
    """The layer's first filters, (filters, inputs, k, k)."""
    return layer.convolution.weight.detach().float().cpu().numpy()[:MAX_FILTERS]


def _in_colour(weights: np.ndarray) -> list[np.ndarray]:
    """Each filter (C, k, k) as uint8 (k, k, 3), stretched to its own range."""
    low = weights.min(axis=(1, 2, 3), keepdims=True)
    high = weights.max(axis=(1, 2, 3), keepdims=True)
    scaled = 255 * (weights - low) / np.maximum(high - low, 1e-12)
    return list(visible(scaled.round().astype(np.uint8).transpose(0, 2, 3, 1)))


def _scale(weights: np.ndarray) -> dict[str, Any]:
    """Blue below 0, red above 0, both up to the largest absolute weight."""
    reach = float(np.abs(weights).max())
    return {"cmap": SIGNED, "vmin": -reach, "vmax": reach}


def _draw_later(figure: Figure, grid: GridSpec, row: int, layer: Layer) -> None:
    """Draw single kernels: rows are the layer's first filters, columns their first inputs.

    A kernel is drawn at the same size in all layers, whatever their number of inputs.
    """
    weights = _weights(layer)[:DOWN, :ACROSS]
    axes = figure.add_subplot(grid[row, :])
    tiles = mosaic(weights.reshape(-1, *weights.shape[2:]), weights.shape[1])
    places = (0, weights.shape[1], len(weights), 0)
    image = show(axes, tiles, "", **_scale(weights), extent=places)
    axes.set_xlim(0, ACROSS)
    axes.spines[:].set_visible(False)
    heading = f"{layer.name}: first {len(weights)} filters (down), "
    heading += f"first {weights.shape[1]} input channels (across)"
    axes.set_title(heading, fontsize=TEXT, loc="left")
    axes.set_anchor("W")
    figure.colorbar(image, ax=axes, shrink=0.8)


def _height(layer: Layer) -> float:
    """Inches of a later layer's row."""
    return 0.5 + 0.33 * min(DOWN, layer.convolution.out_channels)


def _numbers(layer: Layer) -> dict[str, Any]:
    weight = layer.convolution.weight.detach().float().cpu()
    norms = weight.flatten(1).norm(dim=1)
    return {
        "layer": layer.name,
        "shape": list(weight.shape),
        "norm_of_each_filter": [round(float(norm), 6) for norm in norms],
    }


_INPUTS = {
    1: "in grey, then on one scale; below are single kernels of later layers",
    len(CHANNELS): "in colour, then their weights for the red, green and blue input on one scale; "
    "below are single kernels of later layers",
}
_OTHERWISE = "single kernels, as a filter does not read all colours; below, those of later layers"


def _caption(first: Layer, missing: list[str]) -> Caption:
    height, width = first.convolution.kernel_size
    inputs = _INPUTS.get(_weights(first).shape[1], _OTHERWISE)
    names = ", ".join(missing[:NAMED]) + (
        f" and {len(missing) - NAMED} more" * (len(missing) > NAMED)
    )
    others = f" Not drawn: {names}." if missing else ""
    return Caption(
        f"The {height}x{width} filters of {first.name}: {inputs}.{others}",
        "These are the weights of the best epoch. In colour and in grey, each filter is stretched "
        "to its own range. The other panels of a row share one symmetric scale: blue subtracts, "
        f"red adds, and white has no effect. At most {MAX_FILTERS} filters of the first layer are "
        f"shown, and {DOWN} filters with {ACROSS} inputs of each later layer. At most {LATER} "
        "later layers are shown, evenly spaced, among those with kernels larger than 1x1.",
        "Normalisation and BN follow, so a weight's size is not its importance. Kernels of later "
        "layers act on features, not on pixels.",
    )

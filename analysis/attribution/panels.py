"""Draw rows of maps below the images that they explain."""

from dataclasses import dataclass, field, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor

from analysis.attribution import strength
from analysis.attribution.explanation import Explanation
from analysis.audit.cue import Region
from analysis.examples import colour, title
from analysis.look import SIGNED, SMALL, STRENGTHS, TEXT
from analysis.panels import visible

Floats = NDArray[np.float32]
_SIDE, _GAP, _NOTE = 1.22, 0.08, 0.25  # inches: a panel, the gap between two, the note below one
_LEFT, _RIGHT, _TOP = 0.65, 1.05, 0.9
_HEAD = 8.0  # inches: least width of the text above


@dataclass(frozen=True)
class Scale:
    """The meaning of colours.

    Attributes:
        colours: a matplotlib colour map.
        low, high: values at its ends.
        unit: label of the colour bar.
    """

    colours: str
    low: float
    high: float
    unit: str


@dataclass(frozen=True)
class PanelRow:
    """One panel for each image.

    Attributes:
        label: text to the left of the row.
        pictures: each (H, W) in the scale's unit, or (H, W, 3) in [0, 1].
        scale: scale of (H, W) pictures; None for (H, W, 3) pictures.
        notes: text below each panel.
        backdrops: grey pictures (H, W) in [0, 255] that show through the others, or none.
    """

    label: str
    pictures: list[Floats]
    scale: Scale | None = None
    notes: list[str] = field(default_factory=list)
    backdrops: list[Floats] = field(default_factory=list)


def signed(label: str, maps: Tensor, unit: str, notes: list[str]) -> PanelRow:
    """Maps (N, C, H, W) summed over C on one scale: red for the class, blue against it.

    The scale ends at the 99.5% quantile of the absolute values.
    """
    values = maps.sum(dim=1).numpy()
    limit = float(np.quantile(np.abs(values), 0.995)) or 1.0
    return PanelRow(label, list(values), Scale(SIGNED, -limit, limit, unit), notes)


def control(label: str, maps: Tensor, like: PanelRow, notes: list[str]) -> PanelRow:
    """Signed maps on the scale of the row ``like``, multiplied by the factor in their label."""
    assert like.scale is not None
    row = signed(label, maps, like.scale.unit, notes)
    assert row.scale is not None
    factor = like.scale.high / row.scale.high if maps.any() else 1.0
    pictures = [picture * np.float32(factor) for picture in row.pictures]
    return replace(row, label=f"{label}, x {factor:.2g}", pictures=pictures, scale=like.scale)


def strengths(label: str, maps: Tensor, notes: list[str]) -> PanelRow:
    """Absolute values of maps (N, C, H, W) summed over C, each divided by its maximum."""
    values = strength(maps)
    shares = values / values.amax(dim=(1, 2), keepdim=True).clamp(min=1e-30)
    scale = Scale(STRENGTHS, 0, 1, "share of the\npanel's maximum")
    return PanelRow(label, list(shares.numpy()), scale, notes)


def coloured(label: str, maps: Tensor, notes: list[str]) -> PanelRow:
    """Maps (N, C, H, W) as colours; grey is 0, and each map is scaled by its own maximum."""
    greatest = maps.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-30)
    pictures = (0.5 + 0.5 * maps / greatest).permute(0, 2, 3, 1).numpy()
    return PanelRow(label, list(visible(pictures)), None, notes)


def sanity_notes(explanation: Explanation) -> list[str]:
    """The rank correlation of each map with its control."""
    values = explanation.correlations
    return ["rank corr. none" if value is None else f"rank corr. {value:.2f}" for value in values]


def draw_rows(explanation: Explanation, name: str, rows: list[PanelRow]) -> Figure:
    """Draw the images with prediction and label, and ``rows`` below, under ``name`` as the head."""
    rows = [PanelRow("image", list(explanation.pictures)), *rows]
    columns, cue = len(explanation.examples), explanation.subject.cue
    heights = [_SIDE + (_NOTE if row.notes else _GAP) for row in rows]
    width = max(_LEFT + columns * (_SIDE + _GAP) + _RIGHT, _HEAD)
    height = _TOP + sum(heights) + 0.05
    figure = Figure(figsize=(width, height))
    head = "\n".join(line for line in (name, explanation.sanity(), explanation.digit()) if line)
    figure.text(0.01, 1 - 0.06 / height, head, va="top", fontsize=TEXT, linespacing=1.35)
    for number, row in enumerate(rows):
        bottom = height - _TOP - sum(heights[:number]) - _SIDE
        all_axes = [
            _panel(figure, _LEFT + column * (_SIDE + _GAP), bottom) for column in range(columns)
        ]
        _draw_row(all_axes, row, cue.region if cue else None)
        if row.scale:
            _draw_scale(figure, row, row.scale, _LEFT + columns * (_SIDE + _GAP), bottom)
        if number == 0:
            for axes, example in zip(all_axes, explanation.examples, strict=True):
                words = title(explanation.subject, example)
                axes.set_title(words, color=colour(example), fontsize=SMALL, pad=3)
    return figure


def _panel(figure: Figure, left: float, bottom: float, width: float = _SIDE) -> Axes:
    """Axes at a place in inches."""
    across, up = figure.get_size_inches()
    axes = figure.add_axes((left / across, bottom / up, width / across, _SIDE / up))
    axes.set(xticks=[], yticks=[])
    return axes


def _draw_row(all_axes: list[Axes], row: PanelRow, region: Region | None) -> None:
    all_axes[0].set_ylabel(row.label, fontsize=TEXT)
    for place, axes in enumerate(all_axes):
        picture, scale = row.pictures[place], row.scale
        if row.backdrops:
            axes.imshow(row.backdrops[place], cmap="gray", vmin=-60, vmax=255)
        if scale is None:
            axes.imshow(picture)
        else:
            norm = Normalize(scale.low, scale.high)
            alpha = _opacity(picture, scale) if row.backdrops else None
            axes.imshow(picture, cmap=scale.colours, norm=norm, alpha=alpha)
        if row.notes:
            axes.set_xlabel(row.notes[place], fontsize=SMALL, labelpad=2)
        if region is not None and scale is not None:
            top, left, bottom, right = region
            square = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False)
            square.set(edgecolor="tab:gray", linestyle=":", linewidth=0.8)
            axes.add_patch(square)


def _opacity(picture: Floats, scale: Scale) -> Floats:
    """Opaque where a map is strong; transparent, so that the picture shows, where it is weak."""
    opacity: Floats = 0.9 * np.sqrt((np.abs(picture) / scale.high).clip(0, 1))
    return opacity


def _draw_scale(figure: Figure, row: PanelRow, scale: Scale, left: float, bottom: float) -> None:
    """Draw the colour bar; an arrow marks an end that a picture exceeds."""
    axes = _panel(figure, left + 0.02, bottom, width=0.12)
    colours = ScalarMappable(Normalize(scale.low, scale.high), scale.colours)
    above = any(picture.max() > scale.high for picture in row.pictures)
    below = any(picture.min() < scale.low for picture in row.pictures)
    extend = {(True, True): "both", (True, False): "max", (False, True): "min"}
    bar = figure.colorbar(colours, cax=axes, extend=extend.get((above, below), "neither"))
    bar.set_label(scale.unit, fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)

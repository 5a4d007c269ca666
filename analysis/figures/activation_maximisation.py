"""Images changed slightly so that filters of the last convolution respond more."""

from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.activation_maximisation import STEP_SIZE, STEPS, WEIGHT, Maximised, maximise
from analysis.audit.cue import Region, shares_inside
from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.layers import Layer
from analysis.look import SMALL, TEXT, series_colours
from analysis.panels import visible
from analysis.subject import Subject

GROUP = "synthesis"
FILTERS = 4


def draw(subject: Subject) -> Drawing:
    """Draw start, result and difference for some filters, with the values at every step."""
    layer = subject.layers[-1]
    top = subject.activations[layer.name].top["mean"]
    filters = _evenly_spaced(top.values[:, 0], layer)
    images = top.images[filters, 0]
    start = torch.from_numpy(np.ascontiguousarray(subject.split.images[images])) / 255
    maximised = maximise(
        subject.model,
        layer,
        subject.normalise,
        start.to(subject.device),
        torch.from_numpy(filters).to(subject.device),
    )
    return Drawing(
        _figure(maximised, filters, layer),
        _numbers(subject, maximised, layer, filters, images),
        _caption(subject, maximised, layer),
    )


def _evenly_spaced(greatest: NDArray[np.float64], layer: Layer) -> NDArray[np.int64]:
    """At most four filters, evenly spaced; filters that no image excites are skipped."""
    alive = np.flatnonzero(greatest)
    if not len(alive):
        raise NotApplicableError(f"no image excites any filter of {layer.name}")
    return alive[np.arange(min(FILTERS, len(alive))) * len(alive) // min(FILTERS, len(alive))]


def _figure(maximised: Maximised, filters: NDArray[np.int64], layer: Layer) -> Figure:
    columns = len(filters)
    figure = Figure(figsize=(1.5 * columns + 3.4, 5.4), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=(1.5 * columns, 3.4))
    pictures, traces = (figure.add_subfigure(grid[0, side]) for side in (0, 1))
    start, result = maximised.start.cpu().numpy(), maximised.result.cpu().numpy()
    difference = result - start
    greatest = np.abs(difference).max(axis=(1, 2, 3), keepdims=True).clip(1e-9)
    rows = {"start": start, "result": result, "difference": 0.5 + 0.5 * difference / greatest}
    all_axes = np.reshape(pictures.subplots(len(rows), columns), (len(rows), columns))
    for row, (label, images) in enumerate(rows.items()):
        for axes, image in zip(all_axes[row], images, strict=True):
            axes.imshow(visible(image))
            axes.set(xticks=[], yticks=[])
        all_axes[row, 0].set_ylabel(label)
    for axes, limit in zip(all_axes[-1], greatest.ravel(), strict=True):
        axes.set_xlabel(f"grey 0, ends ±{limit:.2f}", fontsize=SMALL)
    for axes, number in zip(all_axes[0], filters, strict=True):
        axes.set_title(f"{layer.name}\nfilter {number}", fontsize=TEXT)
    activation, distance = traces.subplots(2, 1, sharex=True)
    _trace(activation, maximised.activations, filters, "mean activation")
    _trace(distance, maximised.distances, filters, "distance to the start (RMS)")
    distance.legend(loc="lower right")
    distance.set_xlabel("step")
    return figure


def _trace(axes: Axes, values: torch.Tensor, filters: NDArray[np.int64], label: str) -> None:
    lines = zip(filters, values.cpu().numpy().T, series_colours(len(filters)), strict=True)
    for number, line, colour in lines:
        axes.plot(line, color=colour, label=f"filter {number}")
    axes.set_ylabel(label)
    axes.grid()


def _numbers(
    subject: Subject,
    maximised: Maximised,
    layer: Layer,
    filters: NDArray[np.int64],
    images: NDArray[np.int64],
) -> dict[str, Any]:
    numbers = {
        "layer": layer.name,
        "filters": filters.tolist(),
        "images": images.tolist(),
        "weight": WEIGHT,
        "steps": STEPS,
        "step_size": STEP_SIZE,
        "activations": maximised.activations.T.tolist(),
        "distances": maximised.distances.T.tolist(),
    }
    if subject.cue is not None and subject.cue.region is not None:
        numbers["change_in_digit"] = _share_in(maximised, subject.cue.region)
        numbers["digit_area"] = subject.cue.area(subject.dataset.image_shape)
    return numbers


def _share_in(maximised: Maximised, region: Region) -> list[float | None]:
    """Share of each image's squared change inside ``region``; None without a change."""
    return shares_inside((maximised.result - maximised.start).square().sum(dim=3), region)


def _caption(subject: Subject, maximised: Maximised, layer: Layer) -> Caption:
    reached = float(maximised.distances[-1].max())
    shows = (
        f"For some filters of the last convolution ({layer.name}): the {subject.split_name} image "
        "that excites the filter most, the image that the ascent made from it, and the "
        "difference. On the right, the activation and the distance at every step."
    )
    cue = subject.cue
    if cue is not None and cue.region is not None:
        shares = [share for share in _share_in(maximised, cue.region) if share is not None]
        shows += (
            f" The {cue.noun}'s square holds {100 * np.mean(shares or [0]):.0f}% of the squared "
            f"change and {100 * cue.area(subject.dataset.image_shape):.0f}% of the area."
        )
    return Caption(
        shows,
        "Gradient ascent on the filter's mean activation, in units of its slope at the start, "
        f"minus {WEIGHT:g} times the mean squared distance to the start: {STEPS} proximal steps of "
        f"{STEP_SIZE:g}, with pixels clamped to [0, 1]. The filters are evenly spaced, not chosen; "
        "filters that no image excites are skipped.",
        f"The results differ from an image by up to {reached:.2f} (RMS of pixel values in [0, 1]) "
        "and are not photographs. They show what raises the filter, not what it responds to in "
        "real images. Another weight or start gives another picture.",
    )

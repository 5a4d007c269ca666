"""Deconvolution of the predicted class and of the most active filter."""

from dataclasses import replace

from torch import Tensor

from analysis.attribution.deconvolution import (
    SHORTCUT,
    TRUNK,
    deconvolution,
    deconvolve_channel,
    has_residual_blocks,
    through,
)
from analysis.attribution.explanation import Explanation, explain
from analysis.attribution.head import feature_maps, head_of
from analysis.attribution.panels import coloured, draw_rows, sanity_notes, strengths
from analysis.figures import Caption, Drawing
from analysis.subject import Subject

GROUP = "attribution"


def draw(subject: Subject) -> Drawing:
    """Draw the class, its control, the filter and, for residual networks, the filter by branch."""
    subject.check_convolutions()
    explanation = explain(subject, deconvolution)
    channels = _active_maps(explanation)
    filters = [f"filter {channel}" for channel in channels.tolist()]
    rows = [
        strengths("predicted class", explanation.maps, []),
        strengths("class, last layer\nredrawn", explanation.redrawn[0], sanity_notes(explanation)),
        coloured("most active filter", _projected(explanation, channels), filters),
    ]
    branches = (TRUNK, SHORTCUT) if has_residual_blocks(explanation.model) else ()
    for branch in branches:
        one = replace(explanation, model=through(explanation.model, branch))
        rows.append(coloured(f"filter, through\n{branch}s alone", _projected(one, channels), []))
    figure = draw_rows(explanation, "Deconvolution of the predicted class and of a filter", rows)
    numbers = explanation.numbers() | {"filters": channels.tolist(), "branches": list(branches)}
    return Drawing(figure, numbers, _caption(explanation, bool(branches)))


def _active_maps(explanation: Explanation) -> Tensor:
    """For each image, the last feature map whose positive part has the largest mean, (N,)."""
    entry = head_of(explanation.model, explanation.inputs).entry
    features = feature_maps(explanation.model, explanation.inputs, entry)
    return features.relu().mean(dim=(2, 3)).argmax(dim=1)


def _projected(explanation: Explanation, channels: Tensor) -> Tensor:
    return deconvolve_channel(explanation.model, explanation.inputs, channels).cpu()


def _caption(explanation: Explanation, residual: bool) -> Caption:
    branches = (
        " The last rows show the same filter, projected back only through the trunks (the "
        "convolutions) of all residual blocks, and only through their shortcuts. After ReLUs the "
        "two do not add up to the whole."
        if residual
        else " The network has no residual blocks, so there are no rows by branch."
    )
    return Caption(
        "The first row projects the logit of the predicted class back to pixels. The second row is "
        "its control: the same with new random weights in the last layer. The third row projects "
        "back the last feature map that is most active in the image." + branches,
        "captum's Deconvolution (Zeiler and Fergus): transposed convolutions, ReLUs that pass the "
        "positive part of what comes back, and max pools reversed at their switches, summed where "
        "pools overlap. For a filter, only the positive part of its map is projected. Each panel "
        "is scaled by its own maximum; in the rows of filters, grey is 0.",
        "It shows which pattern the switches allow, not how much the pixels contribute to the "
        "class. Only the class has a control: a filter below a linear last layer would not change. "
        + explanation.controls(),
    )

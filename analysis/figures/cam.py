"""Class activation maps over images right and wrong (Grad-CAM for dense heads)."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from analysis.attribution.cam import cam
from analysis.attribution.explanation import Explanation, explain
from analysis.attribution.head import head_of
from analysis.attribution.panels import PanelRow, control, draw_rows, sanity_notes, signed
from analysis.figures import Caption, Drawing
from analysis.subject import Subject

GROUP = "attribution"


def draw(subject: Subject) -> Drawing:
    """The predicted class, its rival (the truth where wrong), and the control."""
    subject.check_convolutions()
    explanation = explain(subject, cam)
    rivals = _rivals(explanation)
    rival_maps = cam(explanation.model, explanation.inputs, rivals.to(subject.device)).cpu()
    exact = head_of(explanation.model, explanation.inputs).averages
    kind, unit = ("CAM", "logit") if exact else ("Grad-CAM", "mean gradient\nx activation")
    both = [
        (f"{kind},\npredicted", explanation.maps, explanation.targets),
        (f"{kind},\nrival", rival_maps, rivals),
    ]
    rows = _overlaid(explanation, both, unit)
    title = "Class activation maps" if exact else "Grad-CAM (the head is dense: no exact CAM)"
    figure = draw_rows(explanation, title, rows)
    numbers = explanation.numbers() | {"method": kind, "rivals": rivals.tolist()}
    return Drawing(figure, numbers, _caption(explanation, exact))


def _rivals(explanation: Explanation) -> Tensor:
    """The label where the prediction is wrong, else the second likeliest class, (N,)."""
    logits = explanation.subject.evaluation.logits
    second = [int(logits[example.index].argsort()[-2]) for example in explanation.examples]
    pairs = zip(explanation.examples, second, strict=True)
    return torch.tensor([other if e.correct else e.label for e, other in pairs])


def _overlaid(
    explanation: Explanation, shown: list[tuple[str, Tensor, Tensor]], unit: str
) -> list[PanelRow]:
    """Of each label, maps and their classes, and the control: over the grey images, on one scale.

    The scale is that of the predicted class and its rival.
    """
    both = signed("", torch.cat([maps for _, maps, _ in shown]), unit, [])
    grey = list(explanation.pictures.mean(axis=3, dtype=np.float32))
    names = np.array(explanation.subject.figure_names)
    rows = [
        signed(label, maps, unit, names[targets.tolist()].tolist())
        for label, maps, targets in shown
    ]
    notes = sanity_notes(explanation)
    rows = [replace(row, scale=both.scale) for row in rows]
    rows.append(control("predicted, last\nlayer redrawn", explanation.redrawn[0], both, notes))
    return [replace(row, backdrops=grey) for row in rows]


def _caption(explanation: Explanation, exact: bool) -> Caption:
    rival = "the rival: the true class where the prediction is wrong, else the second likeliest"
    shows = (
        "What each place adds to (red) or takes from (blue) the logit of the predicted class, and "
        f"of {rival}. Below the control: the predicted class with the last layer drawn anew, and "
        "the rank correlation of both maps' absolute values."
    )
    made = (
        "Exact class activation maps: the last feature maps, weighted as the linear layer weights "
        "them for the class, or as they are where no layer follows the global average pool. Their "
        "mean over the picture and the bias are the logit."
        if exact
        else "Grad-CAM, as the head is dense and has no class activation map: the feature maps "
        "that enter it, weighted by the mean gradient of the logit. Shown before the final ReLU "
        "of its paper, so that what speaks against the class is seen."
    )
    limits = (
        "The maps are small and were stretched over the image: a place sees a receptive field far "
        "larger than itself, so the borders are not sharp. "
    )
    return Caption(
        shows,
        made
        + " Stretched bilinearly. All rows have one scale, which ends at the value that 99.5% of "
        "the pixels of the predicted class and of its rival stay below; where a map is weak, the "
        "picture shows through. The control is multiplied by the factor beside it.",
        limits + explanation.controls(),
    )

"""Class activation maps of right and wrong predictions (Grad-CAM for dense heads)."""

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
    """Draw maps of the predicted class, of its rival (the label if wrong), and the control."""
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
    """The label if the prediction is wrong, else the second likeliest class, (N,)."""
    logits = explanation.subject.evaluation.logits
    second = [int(logits[example.index].argsort()[-2]) for example in explanation.examples]
    pairs = zip(explanation.examples, second, strict=True)
    return torch.tensor([other if e.correct else e.label for e, other in pairs])


def _overlaid(
    explanation: Explanation, shown: list[tuple[str, Tensor, Tensor]], unit: str
) -> list[PanelRow]:
    """The rows of maps and the control, over grey images, on one scale.

    ``shown`` holds the label, the maps and the classes of each row; these maps set the scale.
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
    rival = "its rival: the true class if the prediction is wrong, else the second likeliest class"
    shows = (
        "How much each place adds to (red) or takes from (blue) the logit of the predicted class "
        f"and of {rival}. Below is the control: the map of the predicted class with new random "
        "weights in the last layer, and the rank correlation of both maps' absolute values."
    )
    made = (
        "Exact class activation maps: the last feature maps, weighted by the linear layer's "
        "weights for the class, or unweighted if no layer follows the global average pool. The "
        "logit is their mean over the picture plus the bias."
        if exact
        else "Grad-CAM, as a dense head has no class activation map: the feature maps that enter "
        "the head, weighted by the mean gradient of the logit. The final ReLU of the method's "
        "paper is left out, so that evidence against the class is visible."
    )
    limits = (
        "The maps are small and stretched over the image. Each place sees a receptive field far "
        "larger than itself, so the borders are not sharp. "
    )
    return Caption(
        shows,
        made
        + " The maps are stretched bilinearly. All rows share one scale, which ends at the 99.5% "
        "quantile over the predicted class and its rival. Where a map is weak, the picture shows "
        "through. The control is multiplied by the factor in its label.",
        limits + explanation.controls(),
    )

"""Occlusion: how much the predicted class's logit falls if a patch covers a place."""

from analysis.attribution.explanation import Explanation, explain
from analysis.attribution.occlusion import STRIDE, WINDOW, occlusion
from analysis.attribution.panels import control, draw_rows, sanity_notes, signed
from analysis.figures import Caption, Drawing
from analysis.subject import Subject

GROUP = "attribution"


def draw(subject: Subject) -> Drawing:
    """Draw the signed maps, and the same with the last layer redrawn."""
    explanation = explain(subject, occlusion, draws=1)  # each needs hundreds of passes
    greatest = [f"greatest {value:+.1f}" for value in explanation.maps.amax(dim=(1, 2, 3)).tolist()]
    row = signed("fall under\nthe patch", explanation.maps, "logit", greatest)
    notes = sanity_notes(explanation)
    rows = [row, control("last layer\nredrawn", explanation.redrawn[0], row, notes)]
    figure = draw_rows(explanation, "Occlusion, logit of the predicted class", rows)
    numbers = explanation.numbers() | {
        "window": WINDOW,
        "stride": STRIDE,
        "filled_with": "mean colour",
    }
    return Drawing(figure, numbers, _caption(explanation))


def _caption(explanation: Explanation) -> Caption:
    return Caption(
        "How much the logit of the predicted class falls (red) or rises (blue) when a patch covers "
        "the place. Below is the control: the same with new random weights in the last layer, and "
        "the rank correlation of both maps' absolute values.",
        f"captum's Occlusion: a square of {WINDOW}x{WINDOW} pixels of the mean colour moves in "
        f"steps of {STRIDE} pixels. The value of a pixel is the mean over the patches that cover "
        "it. Both rows share one scale, which ends at the 99.5% quantile of the first row. The "
        "control is multiplied by the factor in its label.",
        "The patch adds edges that no training image had. Evidence that is in two places at once "
        "shows in neither. " + explanation.controls(),
    )

"""Integrated gradients of the predicted class, for right and wrong predictions."""

from typing import Any

from torch import Tensor

from analysis.attribution.explanation import Explanation, explain
from analysis.attribution.integrated_gradients import (
    STEPS,
    completeness_error,
    integrated_gradients,
)
from analysis.attribution.panels import control, draw_rows, sanity_notes, signed
from analysis.figures import Caption, Drawing
from analysis.subject import Subject

GROUP = "attribution"


def draw(subject: Subject) -> Drawing:
    """Draw the signed maps, and the same with the last layer redrawn."""
    explanation = explain(subject, integrated_gradients, draws=1)  # each needs hundreds of passes
    errors = completeness_error(
        explanation.model,
        explanation.inputs,
        explanation.targets,
        explanation.maps.to(subject.device),
    ).cpu()
    totals = explanation.maps.sum(dim=(1, 2, 3))
    sums = [
        f"sum {total:+.1f} (error {error:+.2f})"
        for total, error in zip(totals, errors, strict=True)
    ]
    row = signed("integrated\ngradients", explanation.maps, "logit", sums)
    notes = sanity_notes(explanation)
    rows = [row, control("last layer\nredrawn", explanation.redrawn[0], row, notes)]
    figure = draw_rows(explanation, "Integrated gradients of the predicted class", rows)
    numbers = explanation.numbers() | _completeness(totals, errors)
    return Drawing(figure, numbers, _caption(explanation, errors))


def _completeness(totals: Tensor, errors: Tensor) -> dict[str, Any]:
    return {
        "baseline": "mean image",
        "steps": STEPS,
        "sums": totals.tolist(),
        "completeness_errors": errors.tolist(),
        "completeness_error_greatest": float(errors.abs().max()),
    }


def _caption(explanation: Explanation, errors: Tensor) -> Caption:
    return Caption(
        "How much each pixel adds to (red) or takes from (blue) the logit of the predicted class, "
        "compared with an image of the mean colour. Below is the control: the same with new random "
        "weights in the last layer, and the rank correlation of both maps' absolute values.",
        f"captum's IntegratedGradients with {STEPS} steps from the mean image, which is zero after "
        "normalisation, summed over the colours. Both rows share one scale, which ends at the "
        "99.5% quantile of the first row. The control is multiplied by the factor in its label. A "
        "map should sum to the logit minus the logit of the mean image; the largest error is "
        f"{float(errors.abs().max()):.2g}.",
        "Pixels of the mean colour get 0, whatever their meaning, and another baseline image gives "
        "other maps. " + explanation.controls(),
    )

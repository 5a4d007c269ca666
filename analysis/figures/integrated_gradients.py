"""Integrated gradients of the predicted class, on images right and wrong."""

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
    """The maps, signed, and the same with the last layer redrawn."""
    explanation = explain(subject, integrated_gradients, draws=1)  # hundreds of passes a draw
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
        "What each pixel adds to (red) or takes from (blue) the logit of the predicted class, "
        "against an image of the mean colour. Below the control: the same with the last layer "
        "drawn anew, and the rank correlation of both maps' absolute values.",
        f"captum's IntegratedGradients with {STEPS} steps from the mean image, which is zero after "
        "normalisation; summed over the colours. Both rows have one scale, which ends at the "
        "value that 99.5% of the first row's pixels stay below; the control is "
        "multiplied by the factor beside it. A map should sum to the logit less that of the mean "
        f"image; it misses that by {float(errors.abs().max()):.2g} at most.",
        "Pixels of the mean colour get nothing whatever they mean, and another baseline gives "
        "other maps. " + explanation.controls(),
    )

"""Guided backpropagation of the predicted class, for right and wrong predictions."""

from analysis.attribution.explanation import explain
from analysis.attribution.guided_backprop import guided_backprop
from analysis.attribution.panels import coloured, draw_rows, sanity_notes, strengths
from analysis.figures import Caption, Drawing
from analysis.subject import Subject

GROUP = "attribution"


def draw(subject: Subject) -> Drawing:
    """Draw the maps in colour, as strength, and as strength with the last layer redrawn."""
    explanation = explain(subject, guided_backprop)
    rows = [
        coloured("gradient", explanation.maps, []),
        strengths("strength", explanation.maps, []),
        strengths(
            "strength,\nlast layer redrawn", explanation.redrawn[0], sanity_notes(explanation)
        ),
    ]
    figure = draw_rows(explanation, "Guided backpropagation of the predicted class", rows)
    caption = Caption(
        "Which pixels would raise the logit of the predicted class: in colour (grey is 0), and as "
        "the sum of the absolute values over the colours. The last row is the control: the same "
        "with new random weights in the last layer, and its rank correlation with the row above.",
        "captum's GuidedBackprop: the gradient of the logit, where every ReLU passes only the "
        "positive part. Each panel is scaled by its own maximum.",
        "It draws the picture's edges sharply even if the network does not use them. "
        + explanation.controls(),
    )
    return Drawing(figure, explanation.numbers(), caption)

"""Guided backpropagation of the predicted class, on images right and wrong."""

from analysis.attribution.explanation import explain
from analysis.attribution.guided_backprop import guided_backprop
from analysis.attribution.panels import coloured, draw_rows, sanity_notes, strengths
from analysis.figures import Caption, Drawing
from analysis.subject import Subject

GROUP = "attribution"


def draw(subject: Subject) -> Drawing:
    """In colours, as strength, and as strength with the last layer redrawn."""
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
        "Which pixels would raise the logit of the predicted class: by colour around grey, and as "
        "the sum of the absolute values over the colours. Below them the control: the same with "
        "the last layer drawn anew, and its rank correlation with the row above.",
        "captum's GuidedBackprop: the gradient of the logit, of which every ReLU passes the "
        "positive part alone. Each panel is scaled by its own greatest value.",
        "It draws the picture's edges sharply even where the network does not use them. "
        + explanation.controls(),
    )
    return Drawing(figure, explanation.numbers(), caption)

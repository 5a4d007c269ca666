"""How far the accuracies of two trainings of one setting may lie apart by chance."""

import math
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

# Two standard deviations of a difference: each of the two has its own, and variances add up. Of
# pairs that differ by chance alone one in twenty lies further apart.
DEVIATIONS = 2 * math.sqrt(2)


@dataclass(frozen=True)
class Tolerance:
    """A greatest difference.

    Attributes:
        accuracy: in [0, 1].
        because: what it was taken from, in words.
    """

    accuracy: float
    because: str


class _Finalist(BaseModel):
    """What ``summary.json`` holds of a trial whose setting was trained again with other seeds."""

    trial_id: str
    val_accuracy_std: Annotated[float, Field(gt=0, le=1)]
    seeds: Annotated[int, Field(ge=2)]
    runs: list[str] = []  # ids of those trainings


def tolerance(accuracy: float, images: int, trial_id: str, summary: dict[str, Any]) -> Tolerance:
    """The tolerance of a trial's ``accuracy`` on so many validation ``images``.

    From the spread over seeds, if the search's ``summary`` tells it of its setting, else from the
    binomial standard error, that of an accuracy on images drawn anew: a guess, as a replay has the
    same images, and a training may be steadier or less steady than they are.
    """
    finalist = _finalist(trial_id, summary)
    if finalist is not None:
        return Tolerance(
            DEVIATIONS * finalist.val_accuracy_std,
            f"2√2 standard deviations over {finalist.seeds} seeds",
        )
    error = math.sqrt(accuracy * (1 - accuracy) / images)
    return Tolerance(DEVIATIONS * error, f"2√2 binomial standard errors on {images} images")


def _finalist(trial_id: str, summary: dict[str, Any]) -> _Finalist | None:
    written = summary.get("finalists")
    for each in written if isinstance(written, list) else []:
        try:
            finalist = _Finalist.model_validate(each)
        except ValidationError:  # one seed has no spread
            continue
        if trial_id in (finalist.trial_id, *finalist.runs):
            return finalist
    return None

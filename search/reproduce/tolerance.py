"""How far the scores of two trainings of one setting may lie apart by chance."""

import math
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from search.trials.record import TrialRecord

# Two standard deviations of a difference: each of the two has its own, and variances add up. Of
# pairs that differ by chance alone one in twenty lies further apart.
DEVIATIONS = 2 * math.sqrt(2)


@dataclass(frozen=True)
class Tolerance:
    """A greatest difference.

    Attributes:
        score: in [0, 1].
        because: what it was taken from, in words.
    """

    score: float
    because: str


class _Finalist(BaseModel):
    """What ``summary.json`` holds of a trial whose setting was trained again with other seeds."""

    trial_id: str
    std: Annotated[float, Field(gt=0, le=1)]
    seeds: Annotated[int, Field(ge=2)]
    runs: list[str] = []  # ids of those trainings


def tolerance(record: TrialRecord, images: int, summary: dict[str, Any]) -> Tolerance:
    """The tolerance of the score of ``record``, whose error is that of a share of ``images``.

    From the spread over seeds, if the search's ``summary`` tells it of its setting, else from the
    binomial standard error, that of an accuracy on images drawn anew: a guess, as a replay has the
    same images, and a training may be steadier or less steady than they are.
    """
    finalist, score = _finalist(record, summary), record.best_score
    if finalist is not None:
        return Tolerance(
            DEVIATIONS * finalist.std,
            f"2√2 standard deviations over {finalist.seeds} seeds",
        )
    error = math.sqrt(score * (1 - score) / images)
    return Tolerance(DEVIATIONS * error, f"2√2 binomial standard errors on {images} images")


def _finalist(record: TrialRecord, summary: dict[str, Any]) -> _Finalist | None:
    written = summary.get("finalists")
    for each in written if isinstance(written, list) else []:
        try:
            std = each[f"{record.spec.job.figure}_std"]
            finalist = _Finalist.model_validate({**each, "std": std})
        except (ValidationError, TypeError, KeyError):  # one seed has no spread
            continue
        if record.trial_id in (finalist.trial_id, *finalist.runs):
            return finalist
    return None

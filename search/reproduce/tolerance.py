"""How far apart the scores of two trainings of one setting may lie by chance."""

import math
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from search.trials.record import TrialRecord

# Two standard deviations of a difference, in which the variances of both scores add up. Of pairs
# that differ by chance alone, one in twenty lies further apart.
DEVIATIONS = 2 * math.sqrt(2)


@dataclass(frozen=True)
class Tolerance:
    """The largest difference that chance explains.

    Attributes:
        score: difference of the scores, in [0, 1].
        because: how it was computed, in words.
    """

    score: float
    because: str


class _Finalist(BaseModel):
    """A trial in ``summary.json`` whose setting was trained again with other seeds."""

    trial_id: str
    std: Annotated[float, Field(gt=0, le=1)]
    seeds: Annotated[int, Field(ge=2)]
    runs: list[str] = []  # ids of those trainings


def tolerance(record: TrialRecord, images: int, summary: dict[str, Any]) -> Tolerance:
    """The tolerance for the score of ``record``, whose error is that of a share of ``images``.

    It comes from the setting's spread over seeds if the search's ``summary`` has it, else from the
    binomial standard error of an accuracy on newly drawn images. The latter is a guess: a replay
    has the same images, and trainings may vary less or more than images do.
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

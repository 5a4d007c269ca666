"""The budget of a search, and its changes on the embedded data."""

from copy import copy
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from search.space.methods import Scheduler
from search.space.weights_path import with_absolute_paths
from trainables.boundary.validation import ClosedModel
from trainables.recipe import Value


class Strict(ClosedModel):
    """A frozen model that refuses unknown keys and wrong types."""

    model_config = ConfigDict(strict=True)


class Budget(Strict):
    """The budget of a search, and how its scheduler divides it.

    Attributes:
        trials: number of settings to try, including the baseline.
        epochs: maximum number of epochs of a trial.
        grace_epochs: epochs that every trial gets, up to the first rung; all trials are trained to
            the end if it is at least ``epochs``. Also ``scheduler: {asha: {grace_epochs: 5}}``.
        reduction_factor: one over the share of trials trained past a rung; also in ``scheduler``.
        finalists: number of best settings that are trained again to the end, besides the
            baseline's, before one of them is named the winner; 0 trains none.
        finalist_seeds: number of trainings of each of them, with fresh seeds.
    """

    trials: int = Field(ge=1)
    epochs: int = Field(ge=1)
    grace_epochs: int = Field(default=1, ge=1)
    reduction_factor: int = Field(default=3, ge=2)
    finalists: int = Field(default=3, ge=0)
    finalist_seeds: int = Field(default=3, ge=1)

    def asked(
        self,
        trials: int | None = None,
        epochs: int | None = None,
        finalists: int | None = None,
        finalist_seeds: int | None = None,
    ) -> "Budget":
        """The budget with the values that are not None; the grace remains that of the space."""
        changes = {
            "trials": trials,
            "epochs": epochs,
            "finalists": finalists,
            "finalist_seeds": finalist_seeds,
        }
        return self.model_copy(update={k: v for k, v in changes.items() if v is not None})

    @property
    def finals(self) -> int:
        """The maximum number of trainings of the finals, including the baseline's."""
        return (self.finalists + 1) * self.finalist_seeds if self.finalists else 0

    @property
    def remark(self) -> str:
        """A remark if no trial stops early, as the epochs do not exceed the grace; else empty."""
        if self.trials == 1 or self.grace_epochs < self.epochs:
            return ""
        return (
            f"no trial is stopped early: the space's grace of {self.grace_epochs} epochs is not "
            f"below the {self.epochs} of a trial"
        )


def as_in_budget(name: str) -> Any:
    """Default and bounds of the budget's field ``name``, for a scheduler's option of that name."""
    return copy(Budget.model_fields[name])


class Embedded(Strict):
    """Changes with ``--data embedded``: a smaller budget, and values that are not searched there.

    Attributes:
        budget: the budget on the embedded data.
        sampler: the sampler on the embedded data, if it is another one.
        scheduler: the scheduler on the embedded data, if it is another one.
        fix: fixed values there for every trial, including the baseline, instead of searched ones.
    """

    budget: Budget
    sampler: str | None = None
    scheduler: Scheduler | None = None
    fix: Annotated[dict[str, Value], BeforeValidator(with_absolute_paths)] = Field(default={})


class Source(Strict):
    """The published source of the baseline, and its result.

    Attributes:
        file: the source document.
        result: the source's result in words.
        accuracy: the accuracy to beat, in [0, 1].
        split: the split on which that accuracy was measured.
    """

    file: str
    result: str
    accuracy: float = Field(ge=0, le=1)
    split: Literal["validation", "test"]

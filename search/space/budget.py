"""What a search may spend, and what changes on the embedded data."""

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
    """How much a search may spend, and how its scheduler divides it.

    Attributes:
        trials: settings to try, the baseline included.
        epochs: maximum of one trial.
        grace_epochs: epochs that every trial gets; the first rung. Trials of no more epochs are
            all trained to the end. ``scheduler: {asha: {grace_epochs: 5}}`` says the same.
        reduction_factor: one over the share of trials that is trained past a rung; likewise.
        finalists: of the best settings, how many are trained again to the end, beside the
            baseline's, before one of them is named the winner; 0 trains none.
        finalist_seeds: how often each of them is, with fresh seeds.
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
        """The budget with the values that are not None; the grace stays the space's."""
        changes = {
            "trials": trials,
            "epochs": epochs,
            "finalists": finalists,
            "finalist_seeds": finalist_seeds,
        }
        return self.model_copy(update={k: v for k, v in changes.items() if v is not None})

    @property
    def finals(self) -> int:
        """Maximum of the finalists' trainings, the baseline's included."""
        return (self.finalists + 1) * self.finalist_seeds if self.finalists else 0

    @property
    def remark(self) -> str:
        """What is lost of the grace where the epochs do not reach beyond it; empty if nothing."""
        if self.trials == 1 or self.grace_epochs < self.epochs:
            return ""
        return (
            f"no trial is stopped early: the space's grace of {self.grace_epochs} epochs is not "
            f"below the {self.epochs} of a trial"
        )


def as_in_budget(name: str) -> Any:
    """The field ``name`` of a budget, default and bounds, for a scheduler's option of its name."""
    return copy(Budget.model_fields[name])


class Embedded(Strict):
    """What ``--data embedded`` changes: a smaller budget, and values not worth searching there.

    Attributes:
        budget: trials and epochs there.
        sampler: what draws the settings there, if it is another one.
        scheduler: what stops the losing trials there, if it is another one.
        fix: values that every trial has there, the baseline too, instead of searched ones.
    """

    budget: Budget
    sampler: str | None = None
    scheduler: Scheduler | None = None
    fix: Annotated[dict[str, Value], BeforeValidator(with_absolute_paths)] = Field(default={})


class Source(Strict):
    """Where the baseline comes from and what it reached there.

    Attributes:
        file: the source document.
        result: its result in words.
        accuracy: the figure to beat, in [0, 1].
        split: the split that it was measured on.
    """

    file: str
    result: str
    accuracy: float = Field(ge=0, le=1)
    split: Literal["validation", "test"]

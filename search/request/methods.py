"""Chooses a search's sampler and scheduler, from its flags, its space and its record."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from search.proposals import samplers, schedulers
from search.request.options import SearchOptions
from search.space.budget import Budget
from search.space.methods import Scheduler, SchedulerChoice
from search.space.reader import read_space
from search.space.space import Space
from trainables import scores
from trainables.boundary.errors import UsageError
from trainables.data import EMBEDDED


def check_flags(options: SearchOptions) -> None:
    """Raise UsageError unless the sampler, scheduler and metric named by flags exist."""
    if options.metric is not None:
        scores.check_name(options.metric, "--metric")
    if options.sampler is not None:
        samplers.check(options.sampler, "--sampler")
    if options.scheduler is not None:
        schedulers.check_name(options.scheduler, "--scheduler")


def space_in(path: Path) -> Space:
    """Read a space file. Options of its scheduler replace the same keys of the budget.

    Raises:
        UsageError: the file is wrong or names unknown methods; the message names the first fault.
    """
    space = read_space(path)
    try:
        return _with_budgets(space)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _with_budgets(space: Space) -> Space:
    samplers.check(space.sampler)
    options, embedded = space.scheduler.options, space.embedded
    budget = _budget(space.scheduler, space.budget, "scheduler")
    if embedded.scheduler is not None:
        own = _budget(embedded.scheduler, embedded.budget, "embedded.scheduler")
    else:  # the space's, unless the budget there says otherwise
        unsaid = options.keys() - embedded.budget.model_fields_set
        own = schedulers.budget_of({key: options[key] for key in unsaid}, embedded.budget)
    if embedded.sampler is not None:
        samplers.check(embedded.sampler, "embedded.sampler")
    embedded = embedded.model_copy(update={"budget": own})
    return space.model_copy(update={"budget": budget, "embedded": embedded})


def _budget(choice: SchedulerChoice, budget: Budget, place: str) -> Budget:
    """A budget in which a scheduler's options replace the same keys.

    Raises:
        UsageError: the scheduler has no such option, or the budget gives the key another value.
    """
    options = choice.options
    schedulers.check(choice.name, options, place)
    for key in options.keys() & budget.model_fields_set:
        if options[key] != getattr(budget, key):
            raise UsageError(
                f"{place}.{choice.name}.{key} is {options[key]}, but the budget's {key} is "
                f"{getattr(budget, key)}; keep one of the two"
            )
    return schedulers.budget_of(options, budget)


def with_methods(
    space: Space, options: SearchOptions, source: str, began: Mapping[str, Any] | None = None
) -> Space:
    """``space`` with the sampler and the scheduler that a search of data from ``source`` uses.

    The order of precedence: the flags, the space file, what a resumed search ``began`` with, the
    defaults.
    """
    names, embedded = space.model_fields_set, space.embedded
    chosen = dict(began or {})
    chosen |= {key: getattr(space, key) for key in ("sampler", "scheduler") if key in names}
    if source == EMBEDDED:
        own = {"sampler": embedded.sampler, "scheduler": embedded.scheduler}
        chosen |= {key: value for key, value in own.items() if value is not None}
    sampler = options.sampler or chosen.get("sampler", space.sampler)
    scheduler = _CHOICE.validate_python(chosen.get("scheduler", space.scheduler))
    if options.scheduler not in (None, scheduler.name):
        scheduler = SchedulerChoice(name=options.scheduler)
    return space.model_copy(update={"sampler": sampler, "scheduler": scheduler})


def notes(space: Space, budget: Budget) -> list[str]:
    """What ``--check`` prints of a space's methods: unusual ones, and a remark on stopping."""
    usual = (space.sampler, space.scheduler.name) == (samplers.DEFAULT, schedulers.DEFAULT)
    named = "" if usual else f"sampler {space.sampler}, scheduler {space.scheduler.name}"
    return [note for note in (named, schedulers.remark(space.scheduler.name, budget)) if note]


_CHOICE: TypeAdapter[SchedulerChoice] = TypeAdapter(Scheduler)

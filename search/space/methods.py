"""How a space names its sampler and its scheduler, and their defaults."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from trainables.boundary.validation import ClosedModel

SAMPLER, SCHEDULER = "gp", "asha"  # the defaults


class SchedulerChoice(ClosedModel):
    """A scheduler's name, with its options.

    Attributes:
        name: file name in ``search/proposals/schedulers``.
        options: options as written in the space; the scheduler's file checks them.
    """

    name: str
    options: dict[str, Any] = Field(default={})


def _parse(written: Any) -> Any:
    """A choice from its form in YAML: a name, or a name with options."""
    if isinstance(written, str):
        return SchedulerChoice(name=written)
    if isinstance(written, SchedulerChoice):
        return written
    if not isinstance(written, dict) or len(written) != 1:
        raise ValueError(f"must be a scheduler's name, such as {SCHEDULER}, or {_FORM}")
    ((name, options),) = written.items()
    if not isinstance(options, dict | None):
        raise ValueError(f"must be a scheduler's name with its options, such as {_FORM}")
    return SchedulerChoice(name=name, options=options or {})


_FORM = "{asha: {grace_epochs: 5}}"
Scheduler = Annotated[SchedulerChoice, BeforeValidator(_parse)]

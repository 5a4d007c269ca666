"""Checks the values that MLflow recorded, as anyone may have written into the store."""

import math
from typing import Any

from mlflow.entities import Run
from pydantic import TypeAdapter, ValidationError

from search.trials.provenance import Provenance
from search.trials.spec import Job, TrialSpec
from trainables import scores
from trainables.boundary.errors import UsageError
from trainables.boundary.validation import first_fault
from trainables.device import dtype_of
from trainables.recipe import Value

MAX_CPUS = 4096


def recorded_job(text: str | bytes) -> Job:
    """A job from its JSON, which anyone who can write to the store may have changed.

    Raises:
        ValueError: a value is missing, of the wrong type or out of bounds.
    """
    job: Job = parsed(Job, text)
    if not 1 <= job.cpus <= MAX_CPUS:
        raise ValueError(f"job.cpus must be between 1 and {MAX_CPUS}, not {job.cpus}")
    if job.metric not in scores.available():
        raise ValueError(f"job.metric {job.metric!r} does not exist")
    return job


def recorded_spec(run: Run) -> TrialSpec:
    """The spec of the trial of a run.

    Raises:
        ValueError: a value is not valid.
        KeyError: a value is missing.
    """
    tags = run.data.tags
    return TrialSpec(
        recorded_job(tags["convoy.job"]),
        int(run.data.params["trial"]),
        values_of(tags["convoy.values"]),
        plain(tags["convoy.label"]),
        parsed(int | None, tags["convoy.stream"]),
        parsed(int | None, tags.get("convoy.repeats", "null")),
    )


def parsed(kind: Any, text: str | bytes) -> Any:
    """Parse JSON as a ``kind`` of values, each strictly of its type.

    Raises:
        ValueError: a value has another type; the message names the first.
    """
    try:
        return TypeAdapter(kind).validate_json(text, strict=True)
    except ValidationError as error:
        raise ValueError(first_fault(error)) from error


History = dict[str, list[tuple[int, float]]]


def check_history(history: History, judged: str) -> None:
    """Raise KeyError if a metric is missing, such as the ``judged`` one, and ValueError if a value
    is not finite.
    """
    for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr", judged):
        if not history.get(name):
            raise KeyError(name)
    if not all(math.isfinite(value) for points in history.values() for _, value in points):
        raise ValueError("a figure of its history is not finite")


def check_plain(provenance: Provenance) -> None:
    """Raise ValueError unless all its values can be shown and its validation can be repeated."""
    dtype_of(provenance.validation_dtype)
    code, versions = provenance.code, provenance.versions
    texts = [provenance.device, provenance.training_dtype or "", provenance.device_name or ""]
    texts += [code.version, code.commit or ""] if code else []
    sources = provenance.sources or {}
    for text in (*texts, *versions, *versions.values(), *sources, *sources.values()):
        plain(text)


def values_of(text: str) -> dict[str, Value]:
    """The values in the tag of a trial's run.

    Raises:
        ValueError: the tag holds no values, or some that cannot be shown.
    """
    values: dict[str, Value] = parsed(dict[str, Value], text)
    for part in (*values, *(value for value in values.values() if isinstance(value, str))):
        plain(part)
    return values


def plain(text: str) -> str:
    """``text``, if a terminal and a figure, where $ begins a formula, can show it.

    Raises:
        ValueError: they cannot.
    """
    if not text.isprintable() or "$" in text:
        raise ValueError(f"{text!r} holds characters that cannot be shown")
    return text


def quoted(text: str) -> str:
    """``text``, if it can be quoted in a condition of MLflow's.

    Raises:
        UsageError: it would end the quotes.
    """
    if "'" in text or "\\" in text:
        raise UsageError(f"{text!r} is not the name of a search")
    return text

"""Replays the recorded epochs of a search's trials to a scheduler."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import TrialScheduler

from search.trials.files import TrialHistory
from search.trials.record import Status, TrialRecord


@dataclass(frozen=True)
class RecalledTrial:
    """The attributes of Tune's trial that a scheduler reads."""

    trial_id: str
    config: dict[str, Any]


def recall(scheduler: TrialScheduler, histories: list[TrialHistory]) -> set[str]:
    """Pass the epochs and failures of a search to ``scheduler`` in their original order.

    The scheduler then has the state that it had when the driver died, and decides as it would have.

    Returns:
        The ids of the trials that it stops at their present epochs.
    """
    trials = {history.record.trial_id: _trial(history.record) for history in histories}
    for trial in trials.values():
        scheduler.on_trial_add(None, trial)
    stopped = set()
    for record, step in _in_order(histories):
        trial = trials[record.trial_id]
        if step is None:
            scheduler.on_trial_error(None, trial)
            continue
        result = {**step.last, "epoch": step.epochs}
        decision = scheduler.on_trial_result(None, trial, result)
        if decision == TrialScheduler.STOP and step.epochs == record.epochs:
            scheduler.on_trial_complete(None, trial, result)
            stopped.add(record.trial_id)
    return stopped


def _trial(record: TrialRecord) -> RecalledTrial:
    return RecalledTrial(record.trial_id, record.spec.as_config())


def _in_order(
    histories: Iterable[TrialHistory],
) -> Iterator[tuple[TrialRecord, TrialRecord | None]]:
    """Each trial with its record after an epoch, or with None for its failure."""
    events = [(step.at, each.record, step) for each in histories for step in each.steps]
    failed = [each.record for each in histories if each.record.status is Status.FAILED]
    ends = [(record.at, record, None) for record in failed]
    for _, record, step in sorted([*events, *ends], key=lambda event: event[0]):
        yield record, step

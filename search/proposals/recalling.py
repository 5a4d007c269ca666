"""What a scheduler makes of a search's trials when it gets their recorded epochs once more."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ray.tune.schedulers import TrialScheduler

from search.trials.files import TrialHistory
from search.trials.record import Status, TrialRecord


@dataclass(frozen=True)
class RecalledTrial:
    """What a scheduler reads of Tune's trial."""

    trial_id: str
    config: dict[str, Any]


def recall(scheduler: TrialScheduler, histories: list[TrialHistory]) -> set[str]:
    """Hand ``scheduler`` the epochs and failures of a search in the order in which they came.

    It then stands as it stood when the driver died, and decides as it would have.

    Returns:
        The ids of the trials that it stops where they stand.
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
    """Each trial with how it stood after an epoch, or with None where it failed."""
    events = [(step.at, each.record, step) for each in histories for step in each.steps]
    failed = [each.record for each in histories if each.record.status is Status.FAILED]
    ends = [(record.at, record, None) for record in failed]
    for _, record, step in sorted([*events, *ends], key=lambda event: event[0]):
        yield record, step

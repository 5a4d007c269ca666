"""The trials of a search, as MLflow recorded them."""

from dataclasses import dataclass

from search.records.parsing import History
from search.trials.record import Status, TrialRecord
from search.trials.spec import TrialSpec


@dataclass(frozen=True)
class RecordedTrial:
    """One trial of a search.

    Attributes:
        run_id: the run's id in MLflow.
        record: the trial.
        history: (epoch, value) pairs of its score, its validation accuracy and its shortcut
            metrics.
    """

    run_id: str
    record: TrialRecord
    history: History

    @classmethod
    def of(cls, run_id: str, spec: TrialSpec, status: Status, history: History) -> "RecordedTrial":
        """The trial, with its best epoch found in ``history``."""
        record = TrialRecord(spec, run_id, status)
        for epoch, score in history.get(spec.job.figure, []):
            record = record.after(epoch, {spec.job.figure: score})
        return cls(run_id, record, history)

    @property
    def scores(self) -> list[tuple[int, float]]:
        """(epoch, value) pairs of the metric by which the trial is judged."""
        return self.history.get(self.record.spec.job.figure, [])


@dataclass(frozen=True)
class RecordedSearch:
    """A search with its trials.

    Attributes:
        name: the search's name.
        trials: trials in the order in which they were suggested.
        rungs: epochs after which trials could be stopped; empty if the scheduler has none, or if
            they are unknown.
        repeats: trainings of the finalists' settings with fresh seeds.
    """

    name: str
    trials: tuple[RecordedTrial, ...]
    rungs: tuple[int, ...]
    repeats: tuple[RecordedTrial, ...] = ()

    @property
    def finalists(self) -> frozenset[int]:
        """Numbers of the trials whose settings were trained again."""
        return frozenset(
            r.record.spec.repeats for r in self.repeats if r.record.spec.repeats is not None
        )

    def setting_of(self, run_id: str) -> int | None:
        """Number of the trial whose setting a run trained, or trained again; None if unknown."""
        for trial in (*self.trials, *self.repeats):
            if trial.run_id == run_id:
                repeated = trial.record.spec.repeats
                return trial.record.number if repeated is None else repeated
        return None


def rungs(grace: int, factor: int, epochs: int) -> tuple[int, ...]:
    """Rungs below the full budget: ``grace`` times the powers of ``factor``, in epochs."""
    ladder, rung = [], grace
    while rung < epochs:
        ladder.append(rung)
        rung *= factor
    return tuple(ladder)

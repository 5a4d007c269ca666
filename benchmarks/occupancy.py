"""Measure how busy the workers of a search were, from its records."""

import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

from mlflow import MlflowClient


@dataclass(frozen=True)
class Work:
    """One epoch of one trial on one worker.

    Attributes:
        worker: id of the process.
        trial: Ray Tune's id of the trial.
        epoch: the epoch, from 1.
        end: time of its record, in seconds since 1970.
        seconds: time of training and validation.
        report: seconds for which the report of the epoch before blocked the trial; 0 without one.
    """

    worker: int
    trial: str
    epoch: int
    end: float
    seconds: float
    report: float

    @property
    def begin(self) -> float:
        """Its begin, in seconds since 1970."""
        return self.end - self.seconds


@dataclass(frozen=True)
class Occupancy:
    """The work of all workers of a search, at least one epoch."""

    work: tuple[Work, ...]

    @property
    def workers(self) -> dict[int, list[Work]]:
        """Each worker's work, ordered by time."""
        workers: dict[int, list[Work]] = defaultdict(list)
        for each in sorted(self.work, key=lambda each: each.end):
            workers[each.worker].append(each)
        return dict(workers)

    @property
    def trials(self) -> int:
        """Number of trials that reported."""
        return len({each.trial for each in self.work})

    @property
    def first_step(self) -> float:
        """Begin of the first epoch, in seconds since 1970."""
        return min(each.begin for each in self.work)

    @property
    def between_trials(self) -> float:
        """Median seconds from a trial's last epoch to the next trial's first on the same worker."""
        gaps = [
            later.begin - earlier.end
            for work in self.workers.values()
            for earlier, later in pairwise(work)
            if earlier.trial != later.trial
        ]
        return median(gaps)

    @property
    def report(self) -> float:
        """Median seconds for which a report blocked its trial; 0 if each was its trial's last."""
        return median([each.report for each in self.work if each.report] or [0.0])

    @property
    def idle(self) -> float:
        """Idle share of the workers' time, from the first step to each worker's last epoch."""
        spans = sum(work[-1].end - self.first_step for work in self.workers.values())
        return 1 - sum(each.seconds for each in self.work) / spans

    @property
    def idle_with_tail(self) -> float:
        """Idle share up to the search's last epoch: workers without a trial count as idle."""
        last = max(each.end for each in self.work)
        span = (last - self.first_step) * len(self.workers)
        return 1 - sum(each.seconds for each in self.work) / span

    def figures(self, start: float) -> dict[str, float]:
        """All figures of a search whose process began at ``start``, in seconds since 1970."""
        return {
            "trials": self.trials,
            "workers": len(self.workers),
            "epochs": len(self.work),
            "epoch_seconds": fmean(each.seconds for each in self.work),
            "first_step_seconds": self.first_step - start,
            "between_trials_seconds": self.between_trials,
            "report_seconds": self.report,
            "idle": self.idle,
            "idle_with_tail": self.idle_with_tail,
        }


def read_occupancy(folder: Path, uri: str) -> Occupancy:
    """The work of the search in ``folder``, the only one in the store at ``uri``.

    Raises:
        ValueError: no trial reported an epoch.
    """
    client = MlflowClient(uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = {
        run.data.tags["convoy.trial_id"]: run.info.run_id
        for run in client.search_runs(experiments)
        if "convoy.trial_id" in run.data.tags
    }
    work = tuple(
        each
        for file in sorted(folder.glob("trial-*/result.json"))
        for each in _work(file, client, runs)
    )
    if not work:
        raise ValueError(f"no trial in {folder} reported an epoch")
    return Occupancy(work)


def _work(file: Path, client: MlflowClient, runs: dict[str, str]) -> list[Work]:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    history = client.get_metric_history(runs[rows[0]["trial_id"]], "epoch_seconds")
    ends = {point.step: point.timestamp / 1000 for point in history}
    return [
        Work(
            row["pid"],
            row["trial_id"],
            row["epoch"],
            ends[row["epoch"]],
            row["epoch_seconds"],
            row["report_seconds"],
        )
        for row in rows
    ]

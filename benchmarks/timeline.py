"""What the timestamped records of a search say of its speed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run


@dataclass(frozen=True)
class EpochReport:
    """One epoch of one trial, as MLflow has it.

    Attributes:
        trial: id of the trial's run.
        time: when it was logged, in seconds since 1970.
        seconds: that the epoch took, validation included.
        images: that it trained on.
        accuracy: on the validation images, in [0, 1].
    """

    trial: str
    time: float
    seconds: float
    images: int
    accuracy: float


@dataclass(frozen=True)
class Timeline:
    """A search from the start of its process to its end.

    Attributes:
        start: of the process, in seconds since 1970.
        end: of the process likewise.
        reports: in the order of their time, at least one.
    """

    start: float
    end: float
    reports: tuple[EpochReport, ...]

    @property
    def wall(self) -> float:
        """Seconds from the start of the process to its end."""
        return self.end - self.start

    @property
    def first_step(self) -> float:
        """Seconds until the first trial began its first epoch."""
        return min(report.time - report.seconds for report in self.reports) - self.start

    @property
    def first_report(self) -> float:
        """Seconds until the first epoch was recorded."""
        return self.reports[0].time - self.start

    @property
    def training(self) -> float:
        """Seconds from the first epoch's begin to the last one's record."""
        return self.reports[-1].time - self.start - self.first_step

    @property
    def images(self) -> int:
        """Training images of all epochs."""
        return sum(report.images for report in self.reports)

    @property
    def trials(self) -> int:
        """Trials that reported."""
        return len({report.trial for report in self.reports})

    @property
    def best(self) -> float:
        """The highest validation accuracy of all epochs."""
        return max(report.accuracy for report in self.reports)

    def time_to(self, accuracy: float) -> float | None:
        """Seconds until an epoch with at least ``accuracy`` was recorded; None if none was."""
        times = [report.time for report in self.reports if report.accuracy >= accuracy]
        return times[0] - self.start if times else None

    def figures(self) -> dict[str, Any]:
        """Everything above by name."""
        return {
            "wall_seconds": self.wall,
            "first_step_seconds": self.first_step,
            "first_report_seconds": self.first_report,
            "trials": self.trials,
            "epochs": len(self.reports),
            "images": self.images,
            "images_per_second": self.images / self.wall,
            "images_per_second_training": self.images / self.training,
            "trials_per_hour": 3600 * self.trials / self.wall,
            "trials_per_hour_training": 3600 * self.trials / self.training,
            "best_val_accuracy": self.best,
            "seconds_to_best": self.time_to(self.best),
        }


def read_timeline(
    uri: str, start: float, end: float, images_per_epoch: Callable[[int], int]
) -> Timeline:
    """The timeline of the only search that MLflow's store at ``uri`` holds.

    Args:
        uri: tracking URI.
        start: of the search's process, in seconds since 1970.
        end: of it likewise.
        images_per_epoch: training images of an epoch, given a batch size.

    Raises:
        ValueError: no trial reported an epoch.
    """
    client = MlflowClient(uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    trials = [run for run in client.search_runs(experiments) if "batch_size" in run.data.params]
    reports = [
        report
        for run in trials
        for report in _reports(client, run, images_per_epoch(int(run.data.params["batch_size"])))
    ]
    if not reports:
        raise ValueError(f"no trial in {uri} reported an epoch")
    return Timeline(start, end, tuple(sorted(reports, key=lambda report: report.time)))


def _reports(client: MlflowClient, run: Run, images: int) -> list[EpochReport]:
    trial = run.info.run_id
    seconds = {p.step: p.value for p in client.get_metric_history(trial, "epoch_seconds")}
    accuracies = client.get_metric_history(trial, "val_accuracy")
    return [
        EpochReport(trial, point.timestamp / 1000, seconds[point.step], images, point.value)
        for point in accuracies
    ]

"""The speed of searches by Convoy and by plain Ray Tune, from their timestamped records."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

SIDES = ("convoy", "plain")


@dataclass(frozen=True)
class EpochReport:
    """One epoch of one trial, as recorded in MLflow.

    Attributes:
        trial: id of the trial's run.
        time: time of its record, in seconds since 1970.
        seconds: length of the epoch, including validation.
        images: number of training images.
        accuracy: validation accuracy, in [0, 1].
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
        start: start of the process, in seconds since 1970.
        end: end of the process, in seconds since 1970.
        reports: at least one report, ordered by time.
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
        """Seconds from the begin of the first epoch to the record of the last one."""
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
        """All these figures by name."""
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
    """The timeline of the only search in MLflow's store at ``uri``.

    Args:
        uri: tracking URI.
        start: start of the search's process, in seconds since 1970.
        end: end of the search's process, in seconds since 1970.
        images_per_epoch: gives the training images of an epoch for a batch size.

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


@dataclass(frozen=True)
class Pair:
    """Both searches of one seed."""

    seed: int
    convoy: Timeline
    plain: Timeline

    def ratio(self, figure: str) -> float:
        """Convoy's figure divided by the plain search's."""
        ours, theirs = (side.figures()[figure] for side in (self.convoy, self.plain))
        return float(ours / theirs)

    @property
    def time_share(self) -> float | None:
        """Convoy's time to the plain search's best accuracy, as a share of the plain search's time.

        It is None if Convoy did not reach that accuracy.
        """
        ours, theirs = (side.time_to(self.plain.best) for side in (self.convoy, self.plain))
        return None if ours is None or theirs is None else ours / theirs

    def as_dict(self) -> dict[str, Any]:
        """Records and figures, as JSON values."""
        return {
            "seed": self.seed,
            **{
                side: {**getattr(self, side).figures(), "records": asdict(getattr(self, side))}
                for side in SIDES
            },
            "images_per_second_ratio": self.ratio("images_per_second"),
            "images_per_second_training_ratio": self.ratio("images_per_second_training"),
            "time_to_plain_best_share": self.time_share,
            "convoy_seconds_to_plain_best": self.convoy.time_to(self.plain.best),
        }


_LINES = {
    "wall_seconds": ("wall time, s", ",.1f"),
    "first_step_seconds": ("until the first step, s", ",.1f"),
    "first_report_seconds": ("until the first report, s", ",.1f"),
    "trials": ("trials", ",d"),
    "epochs": ("epochs", ",d"),
    "images": ("images trained", ",d"),
    "images_per_second": ("images/s, whole", ",.0f"),
    "images_per_second_training": ("images/s, from the first step to the last report", ",.0f"),
    "trials_per_hour": ("trials/hour, whole", ",.0f"),
    "trials_per_hour_training": ("trials/hour, from the first step to the last report", ",.0f"),
    "best_val_accuracy": ("best validation accuracy", ".2%"),
    "seconds_to_best": ("until that, s", ",.1f"),
}


def table(pair: Pair) -> str:
    """A table of both searches, with the two ratios at the end."""
    ours, theirs = pair.convoy.figures(), pair.plain.figures()
    rows = [f"{f'seed {pair.seed}':52}{'Convoy':>12}{'plain':>12}{'ratio':>8}"]
    for key, (name, form) in _LINES.items():
        cells = f"{ours[key]:>12{form}}{theirs[key]:>12{form}}"
        rows.append(f"{name:52}{cells}{pair.ratio(key):>8.2f}")
    reached, share = pair.convoy.time_to(pair.plain.best), pair.time_share
    when = "not reached" if share is None else f"after {reached:,.1f} s, {share:.2f} of its time"
    return "\n".join([*rows, f"the plain search's best accuracy by Convoy: {when}", ""])

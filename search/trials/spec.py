"""What every trial of a search shares, and what one of them is asked to train."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from trainables.best_epoch import ACCURACY, figure_of
from trainables.data import DataSpec
from trainables.recipe import Setting, Value
from trainables.seeding import derive

BASELINE = "baseline"  # the label of the source's own settings


@dataclass(frozen=True)
class Job:
    """What all trials of a search share.

    Attributes:
        architecture: name of a file in ``trainables/architectures``.
        data: which set.
        source: where it comes from: ``embedded`` or an absolute folder.
        train_limit: maximum of training images, or None for all.
        val_limit: maximum of validation images, or None for all.
        epochs: maximum of one trial.
        seed: the search's; every trial's own is derived from it.
        cpus: CPUs, and so threads, of a trial.
        validation_dtype: number format in which the trials are validated; None for each worker's
            own. Earlier versions, which did not record it, had float32 alone.
        metric: what trials are judged by, a name of ``trainables.scores``.
    """

    architecture: str
    data: DataSpec
    source: str
    train_limit: int | None
    val_limit: int | None
    epochs: int
    seed: int
    cpus: int
    validation_dtype: Literal["bfloat16", "float32"] | None = "float32"
    metric: str = ACCURACY

    @property
    def figure(self) -> str:
        """The name of the figure that trials are judged by."""
        return figure_of(self.metric)

    @classmethod
    def of(cls, written: dict[str, Any]) -> "Job":
        """A job from what ``dataclasses.asdict`` made of it."""
        return cls(**{**written, "data": DataSpec(**written["data"])})


@dataclass(frozen=True)
class TrialSpec:
    """What is trained in one trial: the configuration that Ray Tune hands to a worker.

    Attributes:
        job: what it shares with the other trials of its search.
        number: its place in the order of suggestion, 0 for the baseline.
        values: the flat values that were chosen.
        label: its name in tables and records; empty if its number is its name.
        stream: which of the job's seeds it is trained with; None for one of its own.
        repeats: number of the trial whose setting a finalist's training repeats; else None.
        guessed: True for a setting that somebody wrote into the space as worth trying.
    """

    job: Job
    number: int
    values: dict[str, Value]
    label: str = ""
    stream: int | None = None
    repeats: int | None = None
    guessed: bool = False

    @property
    def name(self) -> str:
        """The label, or the number where there is none."""
        return self.label or str(self.number)

    @property
    def is_baseline(self) -> bool:
        """True for the source's own settings."""
        return self.label == BASELINE

    @property
    def seeded_by(self) -> int:
        """The stream, or the number where there is none."""
        return self.number if self.stream is None else self.stream

    @property
    def setting(self) -> Setting:
        """What is trained; its seed follows from the search's and the trial's stream or number."""
        seed = derive(self.job.seed, "trial", self.seeded_by)
        return Setting.of(self.job.architecture, self.values, self.job.epochs, seed)

    @property
    def choice(self) -> frozenset[tuple[str, Value]]:
        """The values as a set: equal for trials that differ by their seeds alone."""
        return frozenset(self.values.items())

    def as_config(self) -> dict[str, Any]:
        """The specification as JSON values; ``from_config`` reads them back."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TrialSpec":
        """A specification from what ``as_config`` gave."""
        return cls(**{**config, "job": Job.of(config["job"])})


@dataclass(frozen=True)
class Point:
    """One setting of a list.

    Attributes:
        label: what it is called in tables and records.
        values: flat values of recipe and architecture.
        stream: which of the search's seeds it is trained with.
    """

    label: str
    values: dict[str, Value]
    stream: int

"""The specification of a trial, and the job that all trials of a search share."""

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
        data: the data set and how it is divided.
        source: source of the data: ``embedded`` or an absolute folder.
        train_limit: maximum number of training images; None for all.
        val_limit: maximum number of validation images; None for all.
        epochs: maximum number of epochs of a trial.
        seed: seed of the search, from which every trial's own seed is derived.
        cpus: number of CPUs, and so of threads, of a trial.
        validation_dtype: number format of the validation; None for each worker's own. Earlier
            versions, which did not record it, only had float32.
        metric: the metric that judges trials, a name of ``trainables.scores``.
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
        """The name of the metric that judges trials, as recorded: ``val_METRIC``."""
        return figure_of(self.metric)

    @classmethod
    def of(cls, written: dict[str, Any]) -> "Job":
        """A job from what ``dataclasses.asdict`` made of it."""
        return cls(**{**written, "data": DataSpec(**written["data"])})


@dataclass(frozen=True)
class TrialSpec:
    """The specification of a trial, which Ray Tune passes to a worker as its configuration.

    Attributes:
        job: the values that all trials of the search share.
        number: position in the order of suggestion; 0 for the baseline.
        values: the flat values that were chosen.
        label: name in tables and records; empty if the number is the name.
        stream: the number of the job's seed that it is trained with; None for a seed of its own.
        repeats: number of the trial whose setting a finalist's training repeats; else None.
        guessed: True for a setting from the space's guesses.
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
        """The label, or the number if there is no label."""
        return self.label or str(self.number)

    @property
    def is_baseline(self) -> bool:
        """True for the source's own settings."""
        return self.label == BASELINE

    @property
    def seeded_by(self) -> int:
        """The stream, or the number if there is no stream."""
        return self.number if self.stream is None else self.stream

    @property
    def setting(self) -> Setting:
        """The setting to train; its seed follows from the search's seed and ``seeded_by``."""
        seed = derive(self.job.seed, "trial", self.seeded_by)
        return Setting.of(self.job.architecture, self.values, self.job.epochs, seed)

    @property
    def choice(self) -> frozenset[tuple[str, Value]]:
        """The values as a set, equal for trials that differ only by their seeds."""
        return frozenset(self.values.items())

    def as_config(self) -> dict[str, Any]:
        """The specification as JSON values; ``from_config`` reads them back."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TrialSpec":
        """A specification from the result of ``as_config``."""
        return cls(**{**config, "job": Job.of(config["job"])})


@dataclass(frozen=True)
class Point:
    """One setting of a list.

    Attributes:
        label: name in tables and records.
        values: flat values of recipe and architecture.
        stream: the number of the search's seed that it is trained with.
    """

    label: str
    values: dict[str, Value]
    stream: int

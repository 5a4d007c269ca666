"""What a search is asked to do."""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from search.proposals.protocols import Proposals
from search.records.about import read_about
from search.records.experiment import experiment_name
from search.request.initial_weights import InitialWeights
from search.request.termination import Termination
from search.selection.rule import Rule
from search.space.budget import Budget, Source
from search.space.constraints import Constraints, images_behind
from search.trials.spec import Job
from trainables import scores
from trainables.best_epoch import ACCURACY
from trainables.boundary.errors import UsageError
from trainables.data import Dataset, DataSpec
from trainables.recipe import Value


@dataclass(frozen=True)
class Limits:
    """What a search may use.

    Attributes:
        cpus_per_trial: or None to choose.
        gpus_per_trial: or None to choose.
        concurrency: trials at once, or None to choose.
        address: of a running Ray cluster, or None to start one here.
        pack: the maximum of trials that share a process; None gives each its own.
    """

    cpus_per_trial: int | None = None
    gpus_per_trial: float | None = None
    concurrency: int | None = None
    address: str | None = None
    pack: int | None = None


@dataclass(frozen=True)
class Request:
    """What a search is asked to do, validated.

    Attributes:
        name: of the search.
        kind: ``search``, which ends in a winner, or ``ablation``, which compares.
        space_name: of the space.
        space_file: the file that it was read from, or None if the settings come from a record.
        reference: where its baseline comes from and what that reached, if it has one.
        architecture: name of a file in ``trainables/architectures``.
        data: which set.
        proposals: the settings to try.
        source: ``embedded`` or an absolute data folder.
        dataset: the data, limited as asked.
        train_limit: maximum of training images, or None for all.
        val_limit: maximum of validation images, or None for all.
        budget: trials and epochs.
        seed: of everything that the search draws.
        limits: what it may use.
        out: folder of all searches.
        tracking_uri: MLflow's.
        quiet: show nothing while it runs.
        group: name of the leaderboard that it belongs to, or empty.
        fixed: values that all trials have.
        constraints: what the winner must hold besides its score.
        initial: the weights from which its trainings may start, if not from random ones.
        unmeasured: the space's other constraints, each with why it has no figure.
        about: what else is recorded of it.
        flags: with which it was asked for.
        resumed: true if it continues what an earlier run of it has begun.
        siblings: names of the searches that share a cluster with it.
        termination: what ends it before all its trials have run.
        metric: what its trials are judged by.
    """

    name: str
    kind: Literal["search", "ablation"]
    space_name: str
    space_file: Path | None
    reference: Source | None
    architecture: str
    data: DataSpec
    proposals: Proposals
    source: str
    dataset: Dataset
    train_limit: int | None
    val_limit: int | None
    budget: Budget
    seed: int
    limits: Limits
    out: Path
    tracking_uri: str
    quiet: bool
    group: str = ""
    fixed: dict[str, Value] = field(default_factory=dict)
    constraints: Constraints = field(default_factory=dict)
    initial: tuple[InitialWeights, ...] = ()
    unmeasured: tuple[str, ...] = ()
    about: dict[str, str] = field(default_factory=dict)
    flags: dict[str, Any] = field(default_factory=dict)
    resumed: bool = False
    siblings: tuple[str, ...] = ()
    termination: Termination = field(default_factory=Termination)
    metric: str = ACCURACY

    @property
    def command(self) -> str:
        """The module that was run."""
        return "search.run" if self.kind == "search" else "search.ablate"

    @property
    def identity(self) -> dict[str, Any]:
        """All that the result follows from, as JSON values."""
        initial = {each.path: each.sha256 for each in self.initial}
        return {
            **({"init": initial} if initial else {}),
            "space": self.space_name,
            "architecture": self.architecture,
            "settings": self.proposals.described(),
            "data": {**self.data.described(), "fingerprint": self.dataset.fingerprint},
            "images": {"train": self.train_limit, "val": self.val_limit},
            "budget": self.budget.model_dump(),
            "metric": self.metric,
            "seed": self.seed,
        }

    @property
    def folder(self) -> Path:
        """The search's own folder."""
        return self.out / self.name

    @property
    def rule(self) -> Rule:
        """What decides between its trials."""
        return Rule(self.constraints, images_behind(self.dataset.val))

    @property
    def images(self) -> float:
        """How many validation images a share has about the error of what trials are judged by."""
        return scores.images_behind(self.metric, self.dataset.val)

    @property
    def experiment(self) -> str:
        """The MLflow experiment of the space."""
        return experiment_name(self.space_name, self.source)

    def job(self, cpus: int) -> Job:
        """What all trials share, each with ``cpus`` CPUs."""
        return Job(
            self.architecture,
            self.data,
            self.source,
            self.train_limit,
            self.val_limit,
            self.budget.epochs,
            self.seed,
            cpus,
            self._validation_dtype,
            self.metric,
        )

    @property
    def _validation_dtype(self) -> Literal["bfloat16", "float32"] | None:
        """That of a search which is resumed, so that its trials compare; else the workers' own."""
        if self.resumed:
            with suppress(UsageError):  # where its records are damaged
                return read_about(self.folder).job.validation_dtype
        return None

"""The request for a search, and the limits of what it may use."""

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
    """The resources that a search may use.

    Attributes:
        cpus_per_trial: CPUs of each trial; None lets Convoy choose.
        gpus_per_trial: GPUs of each trial, possibly a fraction; None lets Convoy choose.
        concurrency: number of trials that run at once; None lets Convoy choose.
        address: address of a running Ray cluster; None starts one on this machine.
        pack: maximum number of trials that share a process; None gives each its own.
    """

    cpus_per_trial: int | None = None
    gpus_per_trial: float | None = None
    concurrency: int | None = None
    address: str | None = None
    pack: int | None = None


@dataclass(frozen=True)
class Request:
    """A validated request for a search.

    Attributes:
        name: name of the search.
        kind: ``search``, which ends in a winner, or ``ablation``, which compares settings.
        space_name: name of the space.
        space_file: the space file; None if the settings come from a record.
        reference: the published source of the baseline and its result; None without one.
        architecture: name of a file in ``trainables/architectures``.
        data: the data set and how it is divided.
        proposals: the settings to try.
        source: ``embedded`` or an absolute data folder.
        dataset: the data, limited as the flags ask.
        train_limit: maximum number of training images; None for all.
        val_limit: maximum number of validation images; None for all.
        budget: numbers of trials, epochs and finals.
        seed: seed of all random choices of the search.
        limits: the resources that it may use.
        out: folder of all searches.
        tracking_uri: URI of the MLflow store.
        quiet: show nothing while the search runs.
        group: name of the leaderboard that it belongs to; empty if it runs alone.
        fixed: values that all trials share.
        constraints: bounds that the winner must keep besides having the best score.
        initial: files of initial weights that trainings may start from.
        unmeasured: the space's constraints that cannot be measured, each with the reason.
        about: further entries for the records.
        flags: the flags of the command.
        resumed: true if it continues an earlier run of the search.
        siblings: names of the searches that share the cluster with it.
        termination: limits that may end it before all its trials have run.
        metric: the metric that judges its trials.
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
        """The module that the user ran."""
        return "search.run" if self.kind == "search" else "search.ablate"

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that determines the result, as JSON values."""
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
        """The folder of this search."""
        return self.out / self.name

    @property
    def rule(self) -> Rule:
        """The rule that orders its trials."""
        return Rule(self.constraints, images_behind(self.dataset.val))

    @property
    def images(self) -> float:
        """The number of validation images whose accuracy has about the metric's sampling error."""
        return scores.images_behind(self.metric, self.dataset.val)

    @property
    def experiment(self) -> str:
        """The MLflow experiment of the space."""
        return experiment_name(self.space_name, self.source)

    def job(self, cpus: int) -> Job:
        """The job that all trials share, with ``cpus`` CPUs for each."""
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
        """The recorded type for a resumed search, so that its trials compare; else None."""
        if self.resumed:
            with suppress(UsageError):  # its records may be damaged
                return read_about(self.folder).job.validation_dtype
        return None

"""Trains a recorded run again, and compares its metrics with the recorded ones."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Literal

from torch import Tensor, uint8

from search.records.run_reader import RecordedRun
from search.reproduce.tolerance import Tolerance
from search.trials.provenance import Provenance
from search.trials.source_files import files_on_path, source_files
from trainables.boundary.errors import UsageError
from trainables.data import Dataset
from trainables.device import best_device, dtype_of, use_threads
from trainables.recipe import Setting
from trainables.training import Epoch, TrainingData, fit

Verdict = Literal["bit for bit", "within tolerance", "differs"]
SPEED = ("images_per_second", "epoch_seconds")  # depend on the machine, not on the seed


@dataclass(frozen=True)
class EpochPair:
    """An epoch as recorded and as trained again.

    Attributes:
        number: number of the epoch, from 1.
        recorded: the recorded metrics without speeds; empty if the record lacks the epoch.
        replayed: the replay's metrics without speeds.
    """

    number: int
    recorded: dict[str, float]
    replayed: dict[str, float]

    @property
    def equal(self) -> bool:
        """True if every recorded metric equals the replay's, to the last bit."""
        return all(self.replayed.get(name) == value for name, value in self.recorded.items())

    def document(self) -> dict[str, Any]:
        """The epoch as JSON values."""
        figures = {"recorded": self.recorded, "replayed": self.replayed}
        return {"epoch": self.number, "equal": self.equal, **figures}


@dataclass(frozen=True)
class Replay:
    """A run and its replay, compared.

    Attributes:
        run: the recorded run.
        provenance: the software and hardware of the replay.
        tolerance: how far apart the best epochs' scores may lie if bits may differ.
        epochs: all trained epochs.
        best_epoch: best epoch of the replay.
        judged: the replay's score and accuracy at that epoch, by the names of the metrics.
        weights_equal: whether that epoch's weights equal the recorded bits; None without these.
    """

    run: RecordedRun
    provenance: Provenance
    tolerance: Tolerance
    epochs: tuple[EpochPair, ...]
    best_epoch: int
    judged: dict[str, float]
    weights_equal: bool | None

    @property
    def differences(self) -> dict[str, tuple[str, str]]:
        """The conditions in which the two trainings differ: their values then and now."""
        old, new = conditions(self.run.provenance), conditions(self.provenance)
        names = dict.fromkeys((*new, *old))
        pairs = {name: (old.get(name, "unknown"), new.get(name, "unknown")) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    @property
    def changed_files(self) -> dict[str, tuple[str, str]]:
        """The recorded source files that differ here: their hashes then and now."""
        then, now = self.run.provenance.sources or {}, self.provenance.sources or {}
        pairs = {path: (then[path], now.get(path, "absent")) for path in then}
        return {path: pair for path, pair in pairs.items() if pair[0] != pair[1]}

    @property
    def best_equal(self) -> bool:
        """True if the best epoch and its metrics equal the recorded ones."""
        recorded = self.run.best_epoch, self.run.record.judged
        return recorded == (self.best_epoch, self.judged)

    @property
    def score(self) -> float:
        """The score of the replay's best epoch."""
        return self.judged[self.run.job.figure]

    @property
    def must_be_equal(self) -> bool:
        """True if both trainings had the conditions under which every bit is repeated."""
        same = not self.differences and not self.changed_files
        return same and self.run.provenance.repeats and self.provenance.repeats

    @property
    def verdict(self) -> Verdict:
        """Whether the replay repeats the record."""
        figures = all(pair.equal for pair in self.epochs) and self.best_equal
        if figures and self.weights_equal is not False:
            return "bit for bit"
        difference = abs(self.score - self.run.score)
        if difference <= self.tolerance.score and not self.must_be_equal:
            return "within tolerance"
        return "differs"

    def document(self) -> dict[str, Any]:
        """The replay as JSON values."""
        run = self.run
        return {
            "schema": 1,
            "run_id": run.run_id,
            "search": run.search,
            "trial": run.label,
            "verdict": self.verdict,
            "must_be_equal": self.must_be_equal,
            "tolerance": asdict(self.tolerance),
            "recorded": {
                "best_epoch": run.best_epoch,
                **run.record.judged,
                **asdict(run.provenance),
            },
            "replayed": {
                "best_epoch": self.best_epoch,
                **self.judged,
                **asdict(self.provenance),
            },
            "differences": self.differences,
            "changed_files": self.changed_files,
            "weights_equal": self.weights_equal,
            "epochs": [pair.document() for pair in self.epochs],
            "setting": asdict(run.setting),
            "data": run.data,
        }


def conditions(provenance: Provenance) -> dict[str, str]:
    """The conditions of a training by name, as far as they are known."""
    known = {
        "code": provenance.code and provenance.code.described,
        **provenance.versions,
        "device": provenance.device,
        "device model": provenance.device_name,
        "training precision": provenance.training_dtype,
        "validation precision": provenance.validation_precision,
        "TF32": "on" if provenance.tf32 else None,
        "threads": provenance.threads,
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def epochs_of(run: RecordedRun) -> int:
    """The epochs that a run was trained for: fewer than its setting's if it was stopped."""
    return max(run.best_epoch, run.history["val_accuracy"][-1][0])


def check_setting(run: RecordedRun) -> None:
    """Raise UsageError if the run's setting differs from the values in its MLflow tags."""
    setting = run.setting
    shown = Setting.of(setting.architecture, run.values, setting.epochs, setting.seed)
    if run.values and shown != setting:
        raise UsageError(
            f"the record of run {run.run_id} is damaged: its setting.json and the values in its "
            f"tags differ in {', '.join(_unequal(setting, shown))}"
        )
    if not 1 <= epochs_of(run) <= setting.epochs:
        raise UsageError(
            f"the record of run {run.run_id} is damaged: it has metrics of epoch {epochs_of(run)} "
            f"of {setting.epochs}"
        )


def _unequal(one: Setting, other: Setting) -> list[str]:
    ours, theirs = ({**each.parameters, **vars(each.recipe)} for each in (one, other))
    return [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]


def retrain(
    run: RecordedRun,
    dataset: Dataset,
    weights: dict[str, Tensor] | None,
    allowed: Tolerance,
    report: Callable[[EpochPair], object],
) -> Replay:
    """Train the recorded setting for as many epochs as the record has.

    The learning rate's schedule covers the whole budget, also for a run that was stopped early.

    Args:
        run: the recorded run.
        dataset: the run's data.
        weights: weights of its best epoch as its network holds them; None without any.
        allowed: how far apart the scores may lie if bits may differ.
        report: called with every epoch as it ends.

    Raises:
        trainables.training.NonFiniteLossError: a loss is infinite or not a number.
    """
    use_threads(run.job.cpus)
    source_files(run.setting.architecture)  # read now, as they may be edited during the training
    dtype = dtype_of(run.provenance.validation_dtype)
    data, pairs = TrainingData.of(dataset, best_device(), dtype, run.job.metric), list[EpochPair]()
    for epoch in islice(fit(run.setting, data), epochs_of(run)):
        pairs.append(_paired(run, epoch))
        report(pairs[-1])
        best = epoch.state["best"]
    return Replay(
        run=run,
        provenance=_here(run),
        tolerance=allowed,
        epochs=tuple(pairs),
        best_epoch=best["epoch"],
        judged={name: best[name] for name in run.record.judged},
        weights_equal=None if weights is None else same_bits(weights, best["model"]),
    )


def _here(run: RecordedRun) -> Provenance:
    """This process's provenance, with recorded files that only other modules use."""
    recorded, dtype = run.provenance.sources, run.provenance.validation_dtype
    here = Provenance.current(run.setting.architecture, dtype)
    return replace(here, sources={**files_on_path(recorded or ()), **(here.sources or {})})


def _paired(run: RecordedRun, epoch: Epoch) -> EpochPair:
    replayed = {name: value for name, value in epoch.metrics.items() if name not in SPEED}
    points = {name: dict(run.history.get(name, [])) for name in replayed}
    recorded = {name: at[epoch.number] for name, at in points.items() if epoch.number in at}
    return EpochPair(epoch.number, recorded, replayed)


def same_bits(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    """True if two state dicts hold the same tensors, to the last bit."""
    return ours.keys() == theirs.keys() and all(
        ours[name].shape == theirs[name].shape
        and ours[name].dtype == theirs[name].dtype
        and _bits(ours[name]).equal(_bits(theirs[name]))
        for name in ours
    )


def _bits(tensor: Tensor) -> Tensor:
    """Its bytes, (N,), because two zeros with different signs are equal as numbers."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(uint8)

"""The measured figures of a row, which the pages show: ``measured/ROW.json``."""

from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from analysis.audit.intervals import Estimate
from search.space.budget import Source
from studies.results.rows import FOLDER
from trainables.boundary.errors import UsageError
from trainables.boundary.validation import ClosedModel, first_fault
from trainables.recipe import Value


class AuditFigures(ClosedModel):
    """The results of the shortcut audit on the validation images.

    Attributes:
        verdict: the audit's verdict in words.
        beta: the amount, in nats, that the digit adds to the logit of its class.
        flips: share of predictions that another digit changes.
        control: share of predictions that another image of the same digit changes.
        following: share of the conflicting images that are predicted as their digit.
        aligned: accuracy where the digit agrees with the label.
        conflicting: accuracy where it does not.
    """

    verdict: str
    beta: Estimate | None
    flips: Estimate | None
    control: Estimate | None
    following: Estimate | None
    aligned: Estimate | None
    conflicting: Estimate | None


class MeasuredNetwork(ClosedModel):
    """One network of a row, and the figures of its setting.

    Attributes:
        val_accuracy: the validation accuracy of its weights, in [0, 1].
        mean: validation accuracy of its setting over fresh seeds; None where there were none.
        std: standard deviation of those accuracies; None for fewer than two.
        seeds: the number of those seeds.
        test: shares of the sealed test images, by the names of MLflow's metrics, with Wilson's 95%
            intervals; ``test_accuracy`` is always there.
        reading: the number of this reading of the test images in the search's store, from 1.
        read: the time of this reading.
        certified: whether the reloaded weights give the logged validation accuracy.
        settings: the values that it was trained with.
        audit: the audit's figures on validation images that show digits.
    """

    val_accuracy: float
    mean: float | None
    std: float | None
    seeds: int
    test: dict[str, Estimate]
    reading: int
    read: datetime
    certified: bool
    settings: dict[str, Value]
    audit: AuditFigures | None

    @property
    def accuracy(self) -> Estimate:
        """The accuracy on the sealed test images."""
        return self.test["test_accuracy"]


class MeasuredSearch(ClosedModel):
    """A search that was run for a row.

    Attributes:
        command: the command that ran it, with PATH for the data.
        epochs: maximum number of epochs of a trial.
        trials: numbers of requested, completed, pruned and failed trials.
        minutes: the time from its start to its end, all sittings together.
        code: version and commit of Convoy that trained the network.
        machine: processor or GPU, and how many trials it trained at once.
    """

    command: str
    epochs: int
    trials: dict[str, int]
    minutes: float
    code: str
    machine: str


class MeasuredRow(ClosedModel):
    """A row, measured.

    Attributes:
        source: the source's own result.
        data: name of the data.
        fingerprint: the fingerprint of the data.
        baseline: the source's own settings.
        best: the search's winner.
        searches: the row's own search, then that of its baseline if it has one, by name.
    """

    source: Source
    data: str
    fingerprint: str
    baseline: MeasuredNetwork
    best: MeasuredNetwork
    searches: dict[str, MeasuredSearch]

    @property
    def reaches_source(self) -> bool:
        """True if the winner's sealed test accuracy is the source's figure or more."""
        return self.best.accuracy.value >= self.source.accuracy

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The row in ``path``; None if it was not measured yet.

        Raises:
            UsageError: it is damaged.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise UsageError(f"{path}: {first_fault(error)}; record the row anew") from error


def measured_file(name: str, folder: Path = FOLDER) -> Path:
    """The file of a row's figures."""
    return folder / "measured" / f"{name}.json"

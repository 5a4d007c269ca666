"""The trials of a search, as MLflow recorded them."""

from dataclasses import dataclass
from typing import Any

from search.records.parsing import History
from search.trials.spec import BASELINE


@dataclass(frozen=True)
class RecordedTrial:
    """One trial of a search.

    Attributes:
        run_id: MLflow's.
        number: order of suggestion; 0 is the baseline.
        label: what it is called.
        status: ``completed``, ``pruned``, ``failed``, ``interrupted`` or ``running``.
        values: what was chosen.
        history: (epoch, value) pairs of validation accuracy and the figures of the shortcut.
    """

    run_id: str
    number: int
    label: str
    status: str
    values: dict[str, Any]
    history: History

    @property
    def accuracies(self) -> list[tuple[int, float]]:
        """Validation accuracy by epoch."""
        return self.history.get("val_accuracy", [])

    @property
    def best(self) -> tuple[int, float]:
        """The first epoch of the highest validation accuracy, and that; (0, -1) before any."""
        return max(self.accuracies, key=lambda point: point[1], default=(0, -1.0))

    @property
    def is_baseline(self) -> bool:
        """True for the source's own settings."""
        return self.label == BASELINE


@dataclass(frozen=True)
class RecordedSearch:
    """A search.

    Attributes:
        name: of the search.
        trials: in the order of suggestion.
        rungs: epochs after which ASHA stopped trials; empty if it stopped none or is unknown.
    """

    name: str
    trials: tuple[RecordedTrial, ...]
    rungs: tuple[int, ...]


def rungs(grace: int, factor: int, epochs: int) -> tuple[int, ...]:
    """ASHA's rungs below the full budget: ``grace`` times the powers of ``factor``."""
    ladder, rung = [], grace
    while rung < epochs:
        ladder.append(rung)
        rung *= factor
    return tuple(ladder)

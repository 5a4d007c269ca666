"""A search as a function, and its result as an object that a notebook shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from rich.console import Console

from search import environment
from search.scoreboard import TrialRecord
from search.summary import Summary
from search.terminal import duration, particular
from trainables.boundary.errors import UsageError
from trainables.recipe import Value

_HEADER = ("trial", "status", "epochs", "best accuracy", "in epoch", "not as the baseline")


@dataclass(frozen=True)
class SearchResult:
    """A search that has ended; a notebook shows it as a table.

    Attributes:
        summary: as ``summary.json`` holds it.
        trials: all of them in order, the baseline first.
        tracking_uri: where MLflow keeps the records.
        out: folder of all searches.
        errors: what MLflow refused.
    """

    summary: Summary
    trials: tuple[TrialRecord, ...]
    tracking_uri: str
    out: Path
    errors: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the search."""
        return self.summary.search

    @property
    def best(self) -> dict[str, Any] | None:
        """The winner: its figures in [0, 1], settings, checkpoint and run; None without one."""
        return self.summary.best

    @property
    def run_id(self) -> str | None:
        """The winner's MLflow run."""
        found: str | None = (self.best or {}).get("run_id")
        return found

    def _repr_html_(self) -> str:
        usual = self.trials[0].values if self.trials else {}
        head = "".join(f"<th>{name}</th>" for name in _HEADER)
        order = sorted(self.trials, key=lambda each: (-each.best_accuracy, each.number))
        rows = "".join(_row(each, usual) for each in order)
        return f"<p>{escape(self._told)}</p><table><tr>{head}</tr>{rows}</table>"

    @property
    def _told(self) -> str:
        best = self.best
        reached = "no trial has won" if best is None else f"best {_percent(best['val_accuracy'])}"
        if self.summary.finalists:
            first = self.summary.finalists[0]
            mean, seeds = _percent(first["val_accuracy_mean"]), first["seeds"]
            reached += f", {mean} on average over {seeds} fresh seeds"
        took = f"{self.summary.epochs:,} epochs in {duration(self.summary.wall_seconds)}"
        return f"{self.name}: {self.summary.status}, {reached}; {took}"


def _row(record: TrialRecord, usual: dict[str, Value]) -> str:
    accuracy = _percent(record.best_accuracy) if record.best_epoch else "-"
    settings = record.error or particular(record.values, usual)
    cells = (record.label, record.status, record.epochs, accuracy, record.best_epoch, settings)
    return f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>"


def _percent(accuracy: float) -> str:
    return f"{100 * accuracy:.2f}%"


def run_search(
    space: str | None = None,
    *,
    data: str | None = None,
    set: Mapping[str, Value] | None = None,  # as the flag is called
    trials: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    train_limit: int | None = None,
    val_limit: int | None = None,
    cpus_per_trial: int | None = None,
    gpus_per_trial: float | None = None,
    concurrency: int | None = None,
    pack: int | None = None,
    address: str | None = None,
    finalists: int | None = None,
    finalist_seeds: int | None = None,
    unconstrained: bool = False,
    val_alignment: float | None = None,
    warm_start: str | None = None,
    from_run: str | None = None,
    out: str | Path = "runs",
    name: str | None = None,
    tracking_uri: str | None = None,
    quiet: bool = True,
) -> SearchResult:
    """Search one space, as ``python -m search.run`` does, and wait for its end.

    The arguments are the flags of that command, which ``--help`` explains; without a value they
    are what they are there. ``set`` takes a dictionary: ``{"lr": 0.001}``.

    Raises:
        UsageError: an argument or file is wrong.
        KeyboardInterrupt: the kernel was interrupted before the first trial.
    """
    given = dict(locals())
    given |= {"space": [space] if space else [], "out": str(out)}
    given["set"] = [f"{key}={value}" for key, value in (set or {}).items()]
    environment.prepare(loopback=address is None)
    from search.command import search_parser
    from search.engine import run_search as run  # Ray, Optuna and MLflow take seconds to import
    from search.plan import requests

    arguments = search_parser().parse_args([])
    vars(arguments).update(given)
    request, *others = requests(arguments)
    if others:
        raise UsageError("space: a call searches one; call it once for each")
    outcome = run(request, Console(highlight=False, markup=False, force_jupyter=False))
    uri, records = request.tracking_uri, tuple(outcome.records)
    return SearchResult(outcome.summary, records, uri, request.out, tuple(outcome.errors))

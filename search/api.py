"""``run_search()`` for notebooks, and its result, which a notebook shows as a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from search import environment
from search.commands.left_out import print_left_out
from search.records.summary import Summary, summary_in
from search.records.tables import curves_of, read_search, trials_of
from search.request.options import SearchOptions
from search.trials.files import read_histories
from search.trials.record import TrialRecord
from search.trials.text import duration, particular
from trainables.best_epoch import figure_of, in_words, judged_by
from trainables.boundary.calls import check_types
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import counted
from trainables.recipe import Value

if TYPE_CHECKING:
    from pandas import DataFrame

_HEADER = ("trial", "status", "epochs", "best {}", "in epoch", "differs from baseline")


@dataclass(frozen=True)
class SearchResult:
    """A search that has ended; a notebook shows it as a table.

    Attributes:
        summary: the content of ``summary.json``.
        trials: all trials in order, the baseline first.
        tracking_uri: MLflow's address of the records.
        out: folder of all searches.
        errors: the messages of the requests that MLflow refused.
    """

    summary: Summary
    trials: tuple[TrialRecord, ...]
    tracking_uri: str
    out: Path
    errors: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the search."""
        return self.summary.search

    @property
    def best(self) -> dict[str, Any] | None:
        """The winner: its figures in [0, 1], settings, checkpoint and run; None without one."""
        return self.summary.best

    @property
    def run_id(self) -> str | None:
        """The winner's MLflow run."""
        run_id: str | None = (self.best or {}).get("run_id")
        return run_id

    def trials_frame(self) -> "DataFrame":
        """A table with one row for each trial, in the columns of ``search.export``.

        Raises:
            UsageError: the search's folder is gone, or damaged.
        """
        return trials_of([read_search(self.out / self.name)]).frame()

    def curves_frame(self) -> "DataFrame":
        """A table with one row for each epoch of a trial, in the columns of ``search.export``.

        Raises:
            UsageError: the search's folder is gone, or damaged.
        """
        return curves_of([read_search(self.out / self.name)]).frame()

    def _repr_html_(self) -> str:
        usual = self.trials[0].values if self.trials else {}
        judged = in_words(self.summary.metric)
        head = "".join(f"<th>{name.format(judged)}</th>" for name in _HEADER)
        order = sorted(self.trials, key=lambda each: each.rank)
        rows = "".join(_row(each, usual) for each in order)
        return f"<p>{escape(self._described)}</p><table><tr>{head}</tr>{rows}</table>"

    @property
    def _described(self) -> str:
        best = self.best
        figure, judged = figure_of(self.summary.metric), judged_by(self.summary.metric)
        reached = "no trial has won" if best is None else f"best {_percent(best[figure])}{judged}"
        if self.summary.finalists:
            first = self.summary.finalists[0]
            mean, seeds = _percent(first[f"{figure}_mean"]), first["seeds"]
            reached += f" and partly luck: expect {mean}, the mean over {seeds} fresh seeds"
        took = f"{counted(self.summary.epochs, 'epoch')} in {duration(self.summary.wall_seconds)}"
        before = f" ({self.summary.asked_before})" if self.summary.asked_before else ""
        return f"{self.name}: {self.summary.status}{before}, {reached}; {took}"


def _row(record: TrialRecord, usual: dict[str, Value]) -> str:
    score = _percent(record.best_score) if record.best_epoch else "-"
    settings = record.error or particular(record.values, usual)
    cells = (record.label, record.status, record.epochs, score, record.best_epoch, settings)
    return f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"


_FOR_A_COMMAND = ("list", "check")  # flags that the function does not take


def _signature() -> Signature:
    """The signature of ``run_search``: the options of ``search.run``, one space, ``set`` a dict."""
    flags = {
        name: (field.annotation, field.default)
        for name, field in SearchOptions.flags().items()
        if name not in _FOR_A_COMMAND
    }
    flags |= {"space": (str | None, None), "set": (Mapping[str, Value] | None, None)}
    flags |= {"out": (str | Path, flags["out"][1]), "quiet": (bool, True)}
    parameters = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in flags.items()
    ]
    first = parameters[0].replace(kind=Parameter.POSITIONAL_OR_KEYWORD)
    return Signature([first, *parameters[1:]], return_annotation=SearchResult)


def run_search(*args: Any, **kwargs: Any) -> SearchResult:
    """Search one space, as ``python -m search.run`` does, and wait for its end.

    The arguments are the flags of that command, which ``--help`` explains, with the same defaults;
    only ``quiet`` is true in a notebook. ``set`` takes a dictionary: ``{"lr": 0.001}``. ``resume``
    continues a search, and the other arguments extend it.

    Raises:
        UsageError: an argument, its type or a file is wrong.
        KeyboardInterrupt: the kernel was interrupted before the first trial.
    """
    call = _signature().bind(*args, **kwargs)
    arguments = {name: value for name, value in call.arguments.items() if value not in (None, {})}
    call.apply_defaults()
    check_types(_signature(), call.arguments)
    options = _options(**{"quiet": True, **arguments})
    environment.prepare(loopback=options.address is None)
    from search.driver.engine import run_search as run
    from search.request.growth import nothing_is_left
    from search.request.planning import requests
    from search.request.resume import resumed

    request, *others = requests(resumed(options))
    if others:
        raise UsageError("space: run_search() searches one space; call it once for each")
    place = request.tracking_uri, request.out
    if request.resumed and nothing_is_left(request) and (ended := summary_in(request.folder)):
        return SearchResult(ended, _trials_in(request.folder), *place, ())
    console = Console(highlight=False, markup=False, force_jupyter=False)
    if not request.quiet:
        print_left_out(request.data, request.source, console, request.dataset)
    outcome = run(request, console)
    return SearchResult(outcome.summary, tuple(outcome.records), *place, tuple(outcome.errors))


def _trials_in(folder: Path) -> tuple[TrialRecord, ...]:
    """The trials of the search in ``folder``, without its finals."""
    records = [history.record for history in read_histories(folder)]
    return tuple(record for record in records if record.spec.repeats is None)


vars(run_search)["__signature__"] = _signature()  # what help() and completion show


def _options(
    space: str | None = None, set: Mapping[str, Value] | None = None, **others: Any
) -> SearchOptions:
    """The arguments as options, the same that the command line makes of its flags."""
    asked = {name: str(value) if name == "out" else value for name, value in others.items()}
    asked |= {"space": [space]} if space else {}
    asked |= {"set": [f"{key}={value}" for key, value in set.items()]} if set else {}
    return SearchOptions.of(asked)

"""Shows a search as it runs: a live table on a terminal, plain lines elsewhere."""

from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from search.driver.events import TrialListener
from search.driver.time_left import seconds_left
from search.selection.finalist import Finalist
from search.selection.race import Race, race_of
from search.selection.rule import Rule
from search.trials.record import Status, TrialRecord
from search.trials.search_board import SearchBoard
from search.trials.text import duration, particular, percent, settings_line
from trainables.boundary.wording import counted
from trainables.recipe import Value

ROWS = 12  # trials shown at once: the running ones, the best, and the latest
SILENCE = 60.0  # maximum seconds without a line in a log
_STYLE = {"running": "cyan", "completed": "green", "pruned": "dim", "failed": "red"}


class Display(TrialListener):
    """A listener that shows a search while its ``with`` block runs.

    Args:
        board: the state of the trials.
        rule: the rule that orders them.
        title: title of the table, or the first line.
        console: the console to draw or print on.
        usual: the baseline's settings, which are shown once and not with every trial.
    """

    def __init__(
        self,
        board: SearchBoard,
        rule: Rule,
        title: str,
        console: Console,
        usual: dict[str, Value],
    ) -> None:
        self._board, self._rule, self._usual = board, rule, usual
        self._title, self._console = title, console

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class LiveTable(Display):
    """Shows the board as a table, read anew and redrawn in place twice a second."""

    def __enter__(self) -> Self:
        self._live = Live(
            get_renderable=self.render,
            console=self._console,
            refresh_per_second=2,
            transient=True,
        )
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def render(self) -> Group:
        """The table of the present state."""
        table = Table(
            title=self._title, title_justify="left", expand=True, box=None, pad_edge=False
        )
        for name in ("trial", "status", "epochs", "best"):
            table.add_column(name, no_wrap=True, justify="right" if name != "status" else "left")
        table.add_column("settings", no_wrap=True, overflow="ellipsis", ratio=1)
        trials = self._board.trials
        best = trials.best(with_running=True)
        for record in _chosen(self._board.records, best):
            table.add_row(*_row(record, self._usual, trials.max_epochs, record is best))
        return Group(table, Text(progress_line(self._board, self._rule), no_wrap=False))


class PlainLines(Display):
    """Prints a line when a trial starts and ends: for logs and pipes."""

    def __enter__(self) -> Self:
        self._last_progress = 0.0
        self._out = set(race_of(self._board, self._rule).out)
        self._print(self._title)
        if self._usual:
            self._print(
                f"settings unless a trial's line says otherwise: {settings_line(self._usual)}"
            )
        return self

    def trial_started(self, record: TrialRecord) -> None:
        """Print the settings in which the trial differs, or the epoch from which it resumes."""
        if record.epochs:
            self._print(f"trial {record.label} resumes after epoch {record.epochs}")
        elif record.spec.repeats is not None:
            self._print(f"trial {record.label} started: {_repeated(record.spec.repeats)}")
        else:
            self._print(f"trial {record.label} started: {particular(record.values, self._usual)}")

    def epoch_ended(self, record: TrialRecord) -> None:
        """Print the search's progress once a minute; one line per epoch would flood a log."""
        if self._board.clock.seconds - self._last_progress >= SILENCE:
            self._progress()

    def trial_ended(self, record: TrialRecord) -> None:
        """Print how the trial ended, and the search's progress."""
        outcome = record.error or (
            f"best {percent(record.best_score)} in epoch {record.best_epoch} of {record.epochs}"
        )
        self._print(f"trial {record.label} {record.status}: {outcome}")
        if record.spec.repeats is not None:
            self._print_changes(race_of(self._board, self._rule))
        self._progress()

    def _print_changes(self, race: Race) -> None:
        """Print which finalists have left the race, and which are in it again."""
        for number in race.out.keys() - self._out:
            self._print(_out(race.out[number], race.finalists[0]))
        for number in self._out - race.out.keys():
            self._print(f"{_setting(number)} is in the finals again")
        self._out = set(race.out)

    def _progress(self) -> None:
        self._last_progress = self._board.clock.seconds
        self._print(progress_line(self._board, self._rule))

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


def progress_line(board: SearchBoard, rule: Rule) -> str:
    """One line with the trials, the best score and the baseline's, the epochs and the time."""
    trials, remaining, race = board.trials, seconds_left(board, rule), race_of(board, rule)
    best, baseline = trials.best(with_running=True), trials.baseline()
    parts = [f"{trials.finished}/{trials.requested} trials"]
    if best is not None:
        parts.append(f"best {percent(best.best_score)}")
    if baseline is not None and baseline.best_epoch:
        parts.append(f"baseline {percent(baseline.best_score)}")
    if race.runs:
        parts.append(f"finals {race.ended}/{race.due}")
    parts += [counted(board.epochs, "epoch"), f"{duration(board.clock.seconds)} elapsed"]
    if remaining:
        parts.append(f"about {duration(remaining)} left")
    return " · ".join(parts)


def _chosen(records: list[TrialRecord], best: TrialRecord | None) -> list[TrialRecord]:
    running = [record for record in records if record.status is Status.RUNNING]
    latest = [record for record in reversed(records) if record.status is not Status.RUNNING]
    candidates = ([best] if best else []) + records[:1] + running + latest
    chosen = list(dict.fromkeys(record.trial_id for record in candidates))[:ROWS]
    return [record for record in records if record.trial_id in chosen]


def _row(record: TrialRecord, usual: dict[str, Value], epochs: int, best: bool) -> tuple[Text, ...]:
    style = _STYLE.get(record.status, "")
    score = percent(record.best_score) if record.best_epoch else "-"
    return (
        Text(record.label),
        Text(record.status, style=style),
        Text(f"{record.epochs}/{epochs}"),
        Text(f"{score}{' *' if best else '  '}", style="bold" if best else ""),
        Text(record.error or _about(record, usual), style="red" if record.error else "dim"),
    )


def _about(record: TrialRecord, usual: dict[str, Value]) -> str:
    if record.spec.repeats is not None:
        return _repeated(record.spec.repeats)
    return "" if record.spec.is_baseline else particular(record.values, usual)


def _repeated(number: int) -> str:
    return f"{_setting(number)} with a fresh seed"


def _setting(number: int) -> str:
    return f"trial {number}" if number else "the baseline"


def _out(finalist: Finalist, leader: Finalist) -> str:
    return (
        f"{_setting(finalist.trial.number)} is {finalist.status}: {percent(finalist.mean)} on "
        f"average cannot reach the {percent(leader.mean)} of {_setting(leader.trial.number)}"
    )

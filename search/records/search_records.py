"""Makes a search's MLflow records from its folder: while it runs, or at any time later."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from search.records.about import About
from search.records.description import description
from search.records.mlflow_runs import DROPPED_OUT, MlflowRuns
from search.records.mlflow_writer import MlflowWriter
from search.records.saved_model import write_saved_model
from search.records.summary import SearchStatus, asked_before
from search.selection.choice import Selection, choose
from search.selection.finalist import Finalist
from search.selection.race import race_of
from search.selection.rule import Rule
from search.trials.checkpoints import checkpoints, latest_whole
from search.trials.files import folder_name
from search.trials.record import Status, TrialRecord
from search.trials.search_board import SearchBoard
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked
from trainables.recipe import Setting

BEST = "best"
DESCRIPTION = "mlflow.note.content"  # a tag that MLflow's pages show as Markdown


@dataclass(frozen=True)
class Closed:
    """The result of closing a search's records.

    Attributes:
        choice: the winner, and how it was chosen.
        run_id: the winner's MLflow run; None if MLflow does not know it.
        weights: the winner's file of weights; None if there is none.
        errors: records that MLflow refused, and weights that could not be saved.
    """

    choice: Selection
    run_id: str | None
    weights: Path | None
    errors: list[str]


class SearchRecords:
    """The records of a running search.

    Args:
        folder: the search's folder.
        about: the part of the search's records that no trial's files hold.
        search_id: id of the search, by which its own run is looked up.

    Raises:
        UsageError: the store cannot be opened.
    """

    def __init__(self, folder: Path, about: About, search_id: str) -> None:
        self._folder, self._about, self._lost = folder, about, list[str]()
        self.writer = MlflowWriter(MlflowRuns(about, search_id), folder)
        try:
            self.writer.open()
        except Exception as error:  # a store raises whatever its database or server raises
            kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
            line = masked(" ".join(f"{kind}{error}".split()))[:300]
            raise UsageError(f"--tracking-uri {masked(about.place.uri)}: {line}") from error

    @property
    def rule(self) -> Rule:
        """The rule that orders the search's trials."""
        return self._about.rule

    def close(self, board: SearchBoard, status: SearchStatus) -> Closed:
        """Log the state of the search, the weights of its trials, and its end."""
        names_winner = self._about.place.kind == "search"
        board.clock.stop()
        self.writer.finish()
        selection = choose(board, self.rule)
        best = selection.winner
        weights = self._log_winner(best) if best and names_winner else None
        if names_winner:
            self._log_others(board, best)
        if len(self._about.budgets) > 1:
            self._tag_finals(board)
        run_id = None if best is None else self.writer.runs.run_id(best.trial_id)
        ended = "KILLED" if status == "interrupted" else "FINISHED"
        metrics, tags = totals(board, status, selection)
        if names_winner:
            tags[DESCRIPTION] = self._described(board, status, selection)
        self.writer.end_search(metrics, tags, ended, board.last_event)
        return Closed(selection, run_id, weights, [*self._lost, *self.writer.close()])

    def abandon(self, board: SearchBoard) -> None:
        """Close the records of a search that fails with an error, so that no run stays RUNNING."""
        self.writer.finish()
        metrics, tags = totals(board, "interrupted", choose(board, self.rule))
        self.writer.end_search(metrics, tags, "FAILED", board.last_event)
        self.writer.close()

    def _described(self, board: SearchBoard, status: SearchStatus, selection: Selection) -> str:
        about, place = self._about, self._about.place
        space = place.experiment.removeprefix("convoy/")
        assumed = ""
        if selection.winner is not None:
            setting = Setting.of(about.job.architecture, selection.winner.values, 1, 0)
            assumed = setting.recipe.assumption
        before = asked_before(about.budgets)
        return description(space, board, status, selection, assumed, place.search, before)

    def _log_winner(self, best: TrialRecord) -> Path | None:
        weights = self._save(best, self._folder / BEST)
        if weights is not None:
            self.writer.log_folder(best, weights.parent)
        self.writer.crown(best)
        return weights

    def _log_others(self, board: SearchBoard, best: TrialRecord | None) -> None:
        """Log the weights of the other trials that have any, so that they can be analysed too."""
        ended = [r for r in board.records if r.status.may_win and r.epochs and r != best]
        with tempfile.TemporaryDirectory() as parent:
            for record in ended:
                if checkpoints(self._checkpoints_of(record)):
                    weights = self._save(record, Path(parent) / record.trial_id)
                    if weights is not None:
                        self.writer.log_folder(record, weights.parent)

    def _tag_finals(self, board: SearchBoard) -> None:
        """Tag the trainings whose settings are no longer finalists."""
        trained = race_of(board, self.rule).runs
        for record in board.finals.records:
            self.writer.tag(record, DROPPED_OUT, str(record not in trained).lower())

    def _save(self, record: TrialRecord, folder: Path) -> Path | None:
        """Write a trial's weights into ``folder``; the file, or None if they are damaged."""
        trial, about = self._checkpoints_of(record), self._about
        checkpoint = latest_whole(trial, record.epochs)
        spec = replace(record.spec, job=about.job)
        weights, why = None, "are damaged"
        try:
            if checkpoint is not None:
                record = replace(record, spec=spec)
                weights = write_saved_model(folder, record, checkpoint, about.data, self._folder)
        except OSError as error:
            why = f"cannot be written to {folder} ({error.strerror})"
        except UsageError as error:  # the checksum is right, but torch cannot read the file
            why = f"do not load ({error})"
        if weights is None:
            self._lost.append(f"the weights of trial {record.number} in {trial} {why}")
        return weights

    def _checkpoints_of(self, record: TrialRecord) -> Path:
        return self._folder / folder_name(record.number, record.trial_id)


def totals(
    board: SearchBoard, status: SearchStatus, selection: Selection
) -> tuple[dict[str, float], dict[str, str]]:
    """The metrics and tags of the search as a whole."""
    baseline, best = board.trials.baseline(), selection.winner
    metrics: dict[str, float] = {
        "epochs": board.epochs,
        "wall_seconds": round(
            board.clock.seconds, 1
        ),  # as in the summary, from which it can be made again
    }
    if baseline is not None and baseline.best_epoch and baseline.status is not Status.FAILED:
        metrics |= {f"baseline_{name}": value for name, value in baseline.judged.items()}
    if best is not None:
        metrics |= {f"best_{name}": value for name, value in best.judged.items()}
        metrics["best_epoch"] = best.best_epoch
    if selection.finalists:
        metrics |= _of_winner(selection.finalists[0])
    if (again := selection.baseline) is not None and again in selection.finalists:
        expected = again.expected()
        metrics |= {
            f"baseline_{name}_mean": expected[f"{name}_mean"] for name in again.trial.judged
        }
    ends = (Status.COMPLETED, Status.PRUNED, Status.FAILED, Status.INTERRUPTED)
    tags = {f"convoy.{each}": str(board.trials.count(each)) for each in ends}
    tags |= {"convoy.status": status, "convoy.confirmed": str(selection.confirmed).lower()}
    tags["convoy.ended_by"] = board.ended_by
    if selection.judgements:
        tags["convoy.feasible"] = str(selection.feasible).lower()
    return metrics, tags


def _of_winner(finalist: Finalist) -> dict[str, float]:
    expected = finalist.expected()
    figures = {"winner_seeds": float(expected["seeds"])}
    for name in finalist.trial.judged:
        figures[f"winner_{name}_mean"] = expected[f"{name}_mean"]
        if (ends := expected[f"{name}_interval"]) is not None:
            figures[f"winner_{name}_std"] = expected[f"{name}_std"]
            figures |= {f"winner_{name}_low": ends[0], f"winner_{name}_high": ends[1]}
    if (luck := finalist.luck) is not None:
        figures |= {"winner_luck": luck.mean}
        figures |= {"winner_luck_low": luck.low, "winner_luck_high": luck.high}
    return figures

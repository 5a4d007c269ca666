"""What MLflow holds of a search, made from its folder: while it runs, and again at any time."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from search.records.about import About
from search.records.description import description
from search.records.mlflow_writer import MlflowWriter
from search.records.saved_model import write_saved_model
from search.records.summary import SearchStatus
from search.selection.choice import Finalist, Selection, choose
from search.trials.board import TrialBoard
from search.trials.checkpoints import checkpoints, latest_whole
from search.trials.files import folder_name
from search.trials.record import Status, TrialRecord
from search.trials.spec import Task
from trainables.errors import UsageError
from trainables.recipe import Setting

BEST = "best"
DESCRIPTION = "mlflow.note.content"  # which MLflow's pages show as Markdown


@dataclass(frozen=True)
class Closed:
    """What came of closing a search's records.

    Attributes:
        choice: the winner, and how it was chosen.
        run_id: of the winner, if MLflow knows it.
        weights: of the winner, if there are any.
        errors: what MLflow refused, and which weights could not be kept.
    """

    choice: Selection
    run_id: str | None
    weights: Path | None
    errors: list[str]


class SearchRecords:
    """A search's records under way.

    Args:
        folder: the search's.
        about: what its trials' files do not tell.
        search_id: under which its own run is found again.
    """

    def __init__(self, folder: Path, about: About, search_id: str) -> None:
        self._folder, self._about, self._lost = folder, about, list[str]()
        self.ledger = MlflowWriter(
            about.place, about.params, about.trial_params, about.job, search_id, folder
        )

    def close(self, board: TrialBoard, status: SearchStatus) -> Closed:
        """Log how the search stands, the weights of its trials, and its end."""
        names_winner = self._about.place.kind == "search"
        board.stop_clock()
        ledger, choice = self.ledger, choose(board, self._about.rule)
        best = choice.winner
        weights = self._keep_winner(best) if best and names_winner else None
        if names_winner:
            self._keep_others(board, best)
        ledger.flush()
        run_id = None if best is None else ledger.run_id(best.trial_id)
        ended = "KILLED" if status == "interrupted" else "FINISHED"
        metrics, tags = totals(board, status, choice)
        if names_winner:
            tags[DESCRIPTION] = self._described(board, status, choice)
        ledger.end_search(metrics, tags, ended, board.last_event)
        return Closed(choice, run_id, weights, [*self._lost, *ledger.close()])

    def _described(self, board: TrialBoard, status: SearchStatus, choice: Selection) -> str:
        about, place = self._about, self._about.place
        space = place.experiment.removeprefix("convoy/")
        assumed = ""
        if choice.winner is not None:
            setting = Setting.of(about.job.architecture, choice.winner.values, 1, 0)
            assumed = setting.recipe.assumption
        return description(space, board, status, choice, assumed, place.search)

    def _keep_winner(self, best: TrialRecord) -> Path | None:
        weights = self._keep(best, self._folder / BEST)
        if weights is not None:
            self.ledger.keep(best, weights.parent)
        self.ledger.crown(best)
        return weights

    def _keep_others(self, board: TrialBoard, best: TrialRecord | None) -> None:
        """Log the weights of the other trials that have any, so that they can be analysed too."""
        among = (*board.records, *board.finals)
        ended = [r for r in among if r.status in ("completed", "pruned") and r != best]
        with tempfile.TemporaryDirectory() as parent:
            for record in ended:
                if checkpoints(self._checkpoints_of(record)):
                    weights = self._keep(record, Path(parent) / str(record.number))
                    if weights is not None:
                        self.ledger.keep(record, weights.parent)
            self.ledger.flush()

    def _keep(self, record: TrialRecord, folder: Path) -> Path | None:
        """The file of a trial's weights, written into ``folder``; None if they are damaged."""
        there, job = self._checkpoints_of(record), self._about.job
        checkpoint = latest_whole(there, record.epochs)
        task = Task(job, record.number, record.values, record.label, record.stream, record.repeats)
        weights, why = None, "are damaged"
        try:
            if checkpoint is not None:
                data = self._about.data
                weights = write_saved_model(folder, record, task, checkpoint, data, self._folder)
        except OSError as error:
            why = f"cannot be written to {folder} ({error.strerror})"
        except UsageError as error:  # sealed, and yet torch does not read it
            why = f"do not load ({error})"
        if weights is None:
            self._lost.append(f"the weights of trial {record.number} in {there} {why}")
        return weights

    def _checkpoints_of(self, record: TrialRecord) -> Path:
        return self._folder / folder_name(record.number, record.trial_id)


def totals(
    board: TrialBoard, status: SearchStatus, choice: Selection
) -> tuple[dict[str, float], dict[str, str]]:
    """Metrics and tags of the search as a whole."""
    baseline, best = board.baseline(), choice.winner
    metrics: dict[str, float] = {
        "epochs": board.epochs,
        "wall_seconds": round(board.seconds, 1),  # as in the summary, from which it is made again
    }
    if baseline is not None and baseline.best_epoch and baseline.status != "failed":
        metrics["baseline_val_accuracy"] = baseline.best_accuracy
    if best is not None:
        metrics |= {"best_val_accuracy": best.best_accuracy, "best_epoch": best.best_epoch}
    if choice.finalists:
        metrics |= _of_winner(choice.finalists[0])
    statuses: tuple[Status, ...] = ("completed", "pruned", "failed", "interrupted")
    tags = {f"convoy.{name}": str(board.count(name)) for name in statuses}
    told = {"convoy.status": status, "convoy.confirmed": str(choice.confirmed).lower()}
    if choice.judgements:
        told["convoy.feasible"] = str(choice.feasible).lower()
    return metrics, {**tags, **told}


def _of_winner(finalist: Finalist) -> dict[str, float]:
    std = {} if finalist.std is None else {"winner_val_accuracy_std": finalist.std}
    luck = {} if finalist.luck is None else {"winner_luck": finalist.luck}
    return {"winner_val_accuracy_mean": finalist.mean, **std, **luck}

"""What MLflow holds of a search, made from its folder: while it runs, and again at any time."""

import json
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from search.choice import Choice, Finalist, Rule, choose
from search.constraints import Constraints, Measure
from search.description import description
from search.kept import write_kept
from search.ledger import Ledger, Place
from search.scoreboard import Scoreboard, Status, TrialRecord
from search.state_file import checkpoints, latest_whole
from search.summary import SearchStatus
from search.task import Job, Task
from search.trial_files import folder_name
from trainables.boundary.atomic import atomic_file
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked
from trainables.recipe import Setting

FILE = "records.json"
BEST = "best"
DESCRIPTION = "mlflow.note.content"  # which MLflow's pages show as Markdown


@dataclass(frozen=True)
class About:
    """All of a search's records that its trials' files do not tell, as ``records.json`` holds it.

    Attributes:
        place: where they are kept.
        params: of the search as a whole.
        trial_params: of every trial, beside its values.
        job: what all trials share.
        data: the data's name, sizes and fingerprint.
        constraints: what the winner must hold, as the space file writes it.
        images: how many validation images each bounded figure is a share of.
    """

    place: Place
    params: dict[str, Any]
    trial_params: dict[str, Any]
    job: Job
    data: dict[str, Any]
    constraints: dict[str, dict[str, float]] = field(default_factory=dict)
    images: dict[Measure, int] = field(default_factory=dict)

    @property
    def rule(self) -> Rule:
        """What decides between the trials.

        Raises:
            ValueError: a constraint is none.
        """
        return Rule(TypeAdapter(Constraints).validate_python(self.constraints), self.images)

    def write(self, folder: Path) -> None:
        """Write it into a search's folder, without the password that the URI may hold."""
        public = replace(self, place=replace(self.place, uri=masked(self.place.uri)))
        with atomic_file(folder / FILE) as file:
            file.write(json.dumps(asdict(public), indent=2).encode())


def read_about(folder: Path) -> About:
    """What ``About.write`` wrote into a search's folder.

    Raises:
        UsageError: it is not there, or damaged.
    """
    path = folder / FILE
    try:
        written = json.loads(path.read_text())
        place, job = Place(**written.pop("place")), Job.of(written.pop("job"))
        return About(place=place, job=job, **written)
    except FileNotFoundError as error:
        raise UsageError(f"{folder.name}: there are no records of a search in {folder}") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path} is damaged ({error}); --resume writes it anew") from error


@dataclass(frozen=True)
class Closed:
    """What came of closing a search's records.

    Attributes:
        choice: the winner, and how it was chosen.
        run_id: of the winner, if MLflow knows it.
        weights: of the winner, if there are any.
        errors: what MLflow refused, and which weights could not be kept.
    """

    choice: Choice
    run_id: str | None
    weights: Path | None
    errors: list[str]


class Records:
    """A search's records under way.

    Args:
        folder: the search's.
        about: what its trials' files do not tell.
        search_id: under which its own run is found again.
    """

    def __init__(self, folder: Path, about: About, search_id: str) -> None:
        self._folder, self._about, self._lost = folder, about, list[str]()
        self.ledger = Ledger(
            about.place, about.params, about.trial_params, about.job, search_id, folder
        )

    def close(self, board: Scoreboard, status: SearchStatus) -> Closed:
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

    def _described(self, board: Scoreboard, status: SearchStatus, choice: Choice) -> str:
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

    def _keep_others(self, board: Scoreboard, best: TrialRecord | None) -> None:
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
                weights = write_kept(folder, record, task, checkpoint, data, self._folder)
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
    board: Scoreboard, status: SearchStatus, choice: Choice
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

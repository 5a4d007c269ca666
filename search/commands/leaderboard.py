"""The leaderboard of several searches: published figure, baseline as reproduced, best trial."""

import csv
import io
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from rich.table import Table

from search.commands.report import assumption
from search.records.artifacts import make_experiment
from search.records.experiment import LEADERBOARDS
from search.records.permission import when_permitted
from search.records.summary import Summary
from search.request.request import Request
from search.trials.text import settings_line
from trainables.best_epoch import ACCURACY, figure_of, in_words
from trainables.boundary.atomic import atomic_file
from trainables.data import EMBEDDED
from trainables.data.composite import CANVAS

FILE = "leaderboard.csv"


@dataclass(frozen=True)
class LeaderboardRow:
    """The line of one space. Accuracies are in [0, 1], and None where they are not known.

    Attributes:
        space: name of the space.
        data: name of the data set.
        comparable: whether the data are the whole set, of the kind that the source used.
        source_file: the document that the baseline comes from; empty without one.
        source_result: the source's result in words; empty without a source.
        source_accuracy: the source's accuracy; None without a source.
        source_split: the split of that accuracy, or empty; ours are of the validation split.
        baseline_val_accuracy: accuracy of the source's settings, trained here.
        best_val_accuracy: accuracy of the delivered weights, the winner's best training.
        mean_val_accuracy: mean of the winner's setting over fresh seeds; None if unconfirmed.
        std_val_accuracy: standard deviation over those seeds.
        feasible: whether the winner holds the space's constraints; None without any.
        val_accuracy_conflicting: the best trial's accuracy where the digit conflicts.
        digit_following: the best trial's share of conflicting images predicted as their digit.
        fixed: values that all trials share, the baseline too.
        train_images: number of training images.
        assumption: the knowledge about the shortcut that the best trial claims.
        status: status of the search.
        trials: number of finished trials.
        epochs: number of epochs of all trials.
        seconds: duration of the search.
        search: name of the search.
        run_id: MLflow run of the best trial.
        settings: settings of the best trial.
        low_val_accuracy: lower end of the 95% interval of the winner's mean.
        high_val_accuracy: its upper end.
        seeds: number of fresh seeds behind that mean.
        baseline_mean_val_accuracy: mean of the source's settings over fresh seeds.
        baseline_feasible: whether these hold the space's constraints; None without any.
        metric: the metric that judged the trials; the winner is the best by it.
        baseline_score: the baseline's value of the metric, over fresh seeds if there are any.
        best_score: value of the metric for the delivered weights.
        mean_score: mean of the metric of the winner's setting over fresh seeds.
        std_score: standard deviation over those seeds.
        asked_before: the earlier budgets of an extended search, in words.
        requested_trials: number of trials that were asked for.
        ended_by: the limit that ended the search before these had run; empty if none did.
    """

    space: str
    data: str
    comparable: bool
    source_file: str
    source_result: str
    source_accuracy: float | None
    source_split: str
    baseline_val_accuracy: float | None
    best_val_accuracy: float | None
    mean_val_accuracy: float | None
    std_val_accuracy: float | None
    feasible: bool | None
    val_accuracy_conflicting: float | None
    digit_following: float | None
    fixed: str
    train_images: int
    assumption: str
    status: str
    trials: int
    epochs: int
    seconds: float
    search: str
    run_id: str | None
    settings: str
    low_val_accuracy: float | None = None
    high_val_accuracy: float | None = None
    seeds: int | None = None
    baseline_mean_val_accuracy: float | None = None
    baseline_feasible: bool | None = None
    metric: str = ACCURACY
    baseline_score: float | None = None
    best_score: float | None = None
    mean_score: float | None = None
    std_score: float | None = None
    asked_before: str = ""
    requested_trials: int | None = None
    ended_by: str = ""

    @property
    def baseline(self) -> float | None:
        """The accuracy to beat: the baseline's mean over the same seeds if there is one."""
        mean = self.baseline_mean_val_accuracy
        return self.baseline_val_accuracy if mean is None else mean

    @property
    def result(self) -> float | None:
        """The accuracy to compare: the winner's mean over fresh seeds if there is one."""
        return self.best_val_accuracy if self.mean_val_accuracy is None else self.mean_val_accuracy

    @property
    def score(self) -> float | None:
        """The score that decided the choice: the mean over fresh seeds if there is one."""
        if self.metric == ACCURACY:
            return self.result
        return self.best_score if self.mean_score is None else self.mean_score

    @property
    def is_below_baseline(self) -> bool:
        """True if the baseline has the better score."""
        baseline = self.baseline if self.metric == ACCURACY else self.baseline_score
        return self.score is not None and baseline is not None and self.score < baseline


def row(request: Request, summary: Summary) -> LeaderboardRow:
    """The line of one search of a space."""
    source = request.reference
    best, counts = summary.best or {}, summary.trials
    winner = summary.finalists[0] if summary.finalists else {}
    baseline, figure = summary.baseline or {}, figure_of(summary.metric)
    low, high = winner.get("val_accuracy_interval") or (None, None)
    return LeaderboardRow(
        space=request.space_name,
        data=request.dataset.name,
        comparable=_is_sources(request) and request.train_limit is None,
        source_file=source.file if source else "",
        source_result=source.result if source else "",
        source_accuracy=source.accuracy if source else None,
        source_split=source.split if source else "",
        baseline_val_accuracy=baseline.get("val_accuracy"),
        best_val_accuracy=best.get("val_accuracy"),
        mean_val_accuracy=winner.get("val_accuracy_mean"),
        std_val_accuracy=winner.get("val_accuracy_std"),
        feasible=summary.feasible,
        val_accuracy_conflicting=best.get("val_accuracy_conflicting"),
        digit_following=best.get("digit_following"),
        fixed=settings_line(request.fixed),
        train_images=len(request.dataset.train),
        assumption=assumption(request, summary),
        status=summary.status,
        trials=counts["completed"] + counts["pruned"] + counts["failed"],
        epochs=summary.epochs,
        seconds=summary.wall_seconds,
        search=request.name,
        run_id=best.get("run_id"),
        settings=settings_line(best.get("params", {})),
        low_val_accuracy=low,
        high_val_accuracy=high,
        seeds=winner.get("seeds"),
        baseline_mean_val_accuracy=baseline.get("val_accuracy_mean"),
        baseline_feasible=baseline.get("feasible"),
        metric=summary.metric,
        baseline_score=baseline.get(f"{figure}_mean", baseline.get(figure)),
        best_score=best.get(figure),
        mean_score=winner.get(f"{figure}_mean"),
        std_score=winner.get(f"{figure}_std"),
        asked_before=summary.asked_before,
        requested_trials=counts["requested"],
        ended_by=summary.ended_by,
    )


def _is_sources(request: Request) -> bool:
    """True if sources used data of this kind; for a folder, if it can be the course's."""
    dataset = request.dataset
    if dataset.name != "folder":
        return request.source != EMBEDDED
    course = (dataset.image_shape, len(dataset.classes)) == ((CANVAS, CANVAS, 3), 10)
    return course and request.data.set == "composite" and request.data.shortcut is None


def table(rows: list[LeaderboardRow]) -> Table:
    """The leaderboard for a terminal of 80 columns or more."""
    drawn = Table(box=None, pad_edge=False)
    for name in ("space", "data"):
        drawn.add_column(name, no_wrap=True)
    for name in ("source", "baseline", "best", "over source"):
        drawn.add_column(name, justify="right", no_wrap=True)
    cells = [_cells(each) for each in rows]
    if any(len(line) > 6 for line in cells):
        drawn.add_column("remark")
    for line in cells:
        drawn.add_row(*line)
    return drawn


def _cells(each: LeaderboardRow) -> list[str]:
    best, baseline = each.result, each.baseline
    gain = "-"
    if each.comparable and best is not None and each.source_accuracy is not None:
        gain = f"{100 * (best - each.source_accuracy):+.1f}"
    remarks = [] if each.status == "complete" else [each.status]
    if each.ended_by:
        remarks.append(f"{each.ended_by}: {each.trials} of {each.requested_trials} trials")
    if not each.comparable:
        remarks.append(f"{each.train_images:,} training images")
    if each.fixed and each.comparable:
        remarks.append(f"with {each.fixed}")
    if each.feasible is False:
        remarks.append("breaks its constraints")
    if each.metric != ACCURACY:
        remarks.append(_chosen_by(each))
    if each.is_below_baseline:
        why = ", which breaks the constraints" if each.baseline_feasible is False else ""
        remarks.append(f"below the baseline{why}")
    if each.asked_before:
        remarks.append(each.asked_before)
    if each.assumption:
        remarks.append(f"assumes that {each.assumption}")
    split = {"validation": " val", "test": " test", "": ""}[each.source_split]
    source = f"{_percent(each.source_accuracy)}{split}"
    remark = ["; ".join(remarks)] if remarks else []
    return [each.space, each.data, source, _percent(baseline), _percent(best), gain, *remark]


def _chosen_by(each: LeaderboardRow) -> str:
    return f"{_percent(each.score)} {in_words(each.metric)}, by which it was chosen"


def as_csv(rows: list[LeaderboardRow]) -> str:
    """The leaderboard as CSV, with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(
        text, [part.name for part in fields(LeaderboardRow)], lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(asdict(each) for each in rows)
    return text.getvalue()


def as_markdown(rows: list[LeaderboardRow]) -> str:
    """The leaderboard as MLflow shows it in a run's description."""
    lines = [
        "| space | data | source | baseline (validation) | best (validation) | assumes |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for each in rows:
        source = f"{_percent(each.source_accuracy)} {each.source_split}".rstrip()
        cells = [each.space, each.data, source, _percent(each.baseline)]
        chosen = f" ({_chosen_by(each)})" if each.metric != ACCURACY else ""
        cells += [f"{_percent(each.result)}{chosen}", each.assumption or "-"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write_csv(rows: list[LeaderboardRow], folder: Path) -> Path:
    """Write ``folder/leaderboard.csv``, whole or not at all; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_file(folder / FILE) as file:
        file.write(as_csv(rows).encode())
    return folder / FILE


def record(
    rows: list[LeaderboardRow],
    name: str,
    uri: str,
    artifacts: Path | None,
    file: Path,
    search_id: str,
) -> str:
    """Record the leaderboard as an MLflow run of its own, made only once; the run's id.

    Args:
        rows: the lines of the leaderboard.
        name: name of the leaderboard, which its searches have as tag ``convoy.leaderboard``.
        uri: MLflow's tracking URI.
        artifacts: folder for the artifacts of a local store; None lets the server choose.
        file: the CSV file.
        search_id: id of the group of searches, by which a later call finds the run.
    """
    client = MlflowClient(uri)
    experiment = make_experiment(client, LEADERBOARDS, uri, artifacts)
    tags = {
        "convoy.kind": "leaderboard",
        "convoy.search": name,
        "convoy.search_id": search_id,
        "convoy.status": "complete" if all(r.status == "complete" for r in rows) else "not whole",
        "mlflow.note.content": as_markdown(rows),
    }
    earlier = client.search_runs([experiment], f"tags.`convoy.search_id` = '{search_id}'")
    run = (
        earlier[0]
        if earlier
        else when_permitted(lambda: client.create_run(experiment, run_name=name, tags=tags))
    )
    run_id = str(run.info.run_id)
    now = int(time.time() * 1000)
    figures = {f"{each.space}.{kind}": figure for each in rows for kind, figure in _figures(each)}
    metrics = [Metric(key, value, now, 0) for key, value in figures.items() if value is not None]
    params = [Param(f"{each.space}.search", each.search) for each in rows]
    client.log_batch(
        run_id, metrics=metrics, params=params, tags=[RunTag(*each) for each in tags.items()]
    )
    client.log_artifact(run_id, str(file))
    client.set_terminated(run_id)
    return run_id


def _figures(each: LeaderboardRow) -> Iterator[tuple[str, float | None]]:
    """A space's metrics in the leaderboard's MLflow run: accuracies, and any other score."""
    for kind in ("source_accuracy", "baseline_val_accuracy", "best_val_accuracy"):
        yield kind, getattr(each, kind)
    yield "mean_val_accuracy", each.mean_val_accuracy
    if each.metric != ACCURACY:
        for part in ("baseline", "best", "mean"):
            yield f"{part}_{figure_of(each.metric)}", getattr(each, f"{part}_score")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f}%"

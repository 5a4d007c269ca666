"""Addresses within MLflow's pages: a search's trials beside each other, and all searches."""

import json
from dataclasses import dataclass
from urllib.parse import quote

from mlflow.entities import Run

from search.experiment import VIEW
from search.recorded_run import RecordedRuns, quoted
from trainables.boundary.errors import UsageError

TOP = 5  # trials that are compared, the best first
CURVE = "val_accuracy"


@dataclass(frozen=True)
class Compared:
    """Runs that are shown beside each other.

    Attributes:
        name: of the search or leaderboard that they belong to.
        experiments: ids of theirs.
        runs: their ids, the best first.
        home: id of the experiment of the search's or leaderboard's own run.
        parent: id of that run.
        has_view: whether ``home`` has a view of ours, with the columns that tell the most.
    """

    name: str
    experiments: tuple[str, ...]
    runs: tuple[str, ...]
    home: str
    parent: str
    has_view: bool

    def addresses(self, base: str) -> dict[str, str]:
        """What there is to see, and where, at a server whose address is ``base``."""
        ids = f"runs={_json(self.runs)}&experiments={_json(self.experiments)}"
        metric = f"metric={_json(CURVE)}&plot_metric_keys={_json([CURVE])}&x_axis=step"
        pages = {"compare": f"/compare-runs?{ids}", "curves": f"/metric?{ids}&{metric}"}
        pages["search"] = f"/experiments/{self.home}/runs/{self.parent}"
        if self.has_view:
            pages["searches"] = f"/experiments/{self.home}/runs?viewStateShareKey={VIEW}"
        found = {}
        for what, page in pages.items():
            # Without it MLflow shows the menu for language models.
            workflow = f"{'&' if '?' in page else '?'}workflowType=machine_learning"
            found[what] = f"{base.rstrip('/')}/#{page}{workflow}"
        return found


def compared(records: RecordedRuns, name: str | None) -> Compared:
    """The best trials of a search, or of a leaderboard's searches the winners.

    Args:
        records: the store.
        name: of the search or leaderboard; None for the search that began last.

    Raises:
        UsageError: there is none, or it has no trial that has been trained for an epoch.
    """
    with records.answering():
        experiments = {
            each.experiment_id: each.tags
            for each in records.client.search_experiments()
            if each.name.startswith("convoy/")
        }
        parent = _parent(records, list(experiments), name)
        runs = _best(records, list(experiments), parent)
    if not runs:
        raise UsageError(
            f"{parent.data.tags['convoy.search']}: no trial has ended yet; wait for the first"
        )
    own = dict.fromkeys(str(run.info.experiment_id) for run in runs)
    return Compared(
        parent.data.tags["convoy.search"],
        tuple(own),
        tuple(str(run.info.run_id) for run in runs),
        str(parent.info.experiment_id),
        str(parent.info.run_id),
        f"mlflow.sharedViewState.{VIEW}" in experiments[str(parent.info.experiment_id)],
    )


def _parent(records: RecordedRuns, experiments: list[str], name: str | None) -> Run:
    """The run of the search or leaderboard itself."""
    condition = "tags.convoy.kind != 'trial' and tags.convoy.kind != 'finalist'"
    if name is not None:
        condition += f" and tags.convoy.search = '{quoted(name)}'"
    latest = ["attributes.start_time DESC"]
    found = records.client.search_runs(experiments, condition, order_by=latest, max_results=1)
    if not found:
        which = f"--search {name}: no search of this name" if name else "no search"
        raise UsageError(
            f"{which} is recorded in {records.uri}; begin one: python -m search.run --space gap5"
        )
    return found[0]


def _best(records: RecordedRuns, experiments: list[str], parent: Run) -> list[Run]:
    """The trials to be compared, the best first."""
    tags = parent.data.tags
    if tags["convoy.kind"] == "leaderboard":
        which = (
            f"tags.convoy.leaderboard = '{tags['convoy.search']}' and tags.convoy.winner = 'true'"
        )
    else:
        which = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}' and tags.convoy.kind = 'trial'"
    ended = f"{which} and metrics.best_val_accuracy >= 0"
    order = ["metrics.best_val_accuracy DESC"]
    return list(records.client.search_runs(experiments, ended, order_by=order, max_results=TOP))


def _json(value: object) -> str:
    return quote(json.dumps(value, separators=(",", ":")))

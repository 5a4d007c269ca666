"""The tracking store as an analysis reads it: runs, and the searches that they belong to."""

from pathlib import Path

from mlflow.entities import Run

from analysis.trials import RecordedSearch, RecordedTrial, rungs
from search.experiment import experiment_name
from search.recorded_run import RecordedRun, RecordedRuns, plain, quoted, values_of
from trainables.errors import UsageError

# What the figures of a whole search need of every trial.
VALIDATION = (
    "val_accuracy",
    "val_accuracy_aligned",
    "val_accuracy_conflicting",
    "digit_following",
)


class Records(RecordedRuns):
    """The tracking store of finished searches.

    Args:
        uri: MLflow's tracking URI.

    Raises:
        UsageError: a local store that is not there, or a server that refuses the user.
    """

    def search_of(self, run: RecordedRun) -> RecordedSearch:
        """All trials of the search that ``run`` belongs to.

        Raises:
            UsageError: the record of one lacks what a trial's has.
        """
        with self.answering():
            experiment = self.client.get_run(run.run_id).info.experiment_id
            found = self._pages(experiment, f"tags.convoy.search = '{quoted(run.search)}'")
            parents = [r for r in found if r.data.tags.get("convoy.kind") != "trial"]
            trials = [self._trial(r) for r in found if r.data.tags.get("convoy.kind") == "trial"]
        trials.sort(key=lambda trial: trial.number)
        return RecordedSearch(run.search, tuple(trials), _rungs(parents))

    def log(self, run_id: str, folder: Path, name: str) -> None:
        """Log ``folder`` as artifact ``name`` of a run.

        Raises:
            UsageError: the store refuses it.
        """
        with self.answering():
            self.client.log_artifacts(run_id, str(folder), name)

    def _pages(self, experiment: str, condition: str) -> list[Run]:
        runs: list[Run] = []
        token = None
        while True:
            page = self.client.search_runs([experiment], condition, page_token=token)
            runs += page
            token = page.token
            if not token:
                return runs

    def _trial(self, run: Run) -> RecordedTrial:
        try:
            return RecordedTrial(
                run_id=run.info.run_id,
                number=int(run.data.params["trial"]),
                label=plain(run.data.tags["convoy.label"]),
                status=run.data.tags["convoy.status"],
                values=values_of(run.data.tags["convoy.values"]),
                history=self.history(run, VALIDATION),
            )
        except (KeyError, ValueError) as error:
            raise UsageError(
                f"the record of trial run {run.info.run_id} is damaged, or of an earlier version "
                f"({type(error).__name__}: {error})"
            ) from error

    def best_of(self, space: str, source: str) -> str:
        """Run id of the most accurate winner among all searches of a space.

        Only those on the most validation images are compared: a figure of fewer is more of luck.

        Raises:
            UsageError: the space has none.
        """
        name = experiment_name(space, source)
        winners = self.winners("", name)
        if not winners:
            raise UsageError(f"experiment {name!r} in {self.uri} has no finished search")
        return str(max(winners, key=_evidence).info.run_id)


def _rungs(parents: list[Run]) -> tuple[int, ...]:
    """ASHA's rungs as the search's own run tells them; none where it does not."""
    params = parents[0].data.params if parents else {}
    try:
        grace, factor = int(params["grace_epochs"]), int(params["reduction_factor"])
        return rungs(grace, factor, int(params["epochs"]))
    except (KeyError, ValueError):
        return ()


def _evidence(run: Run) -> tuple[int, float]:
    images = int(run.data.params.get("val_images", 0))
    return images, run.data.metrics.get("best_val_accuracy", -1.0)

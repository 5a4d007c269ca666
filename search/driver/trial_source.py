"""Gives Tune its trials: first those that were interrupted, then what the searcher proposes."""

import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any, Protocol

from ray.tune.experiment import Trial
from ray.tune.experiment.config_parser import _create_trial_from_spec
from ray.tune.search import Searcher, SearchGenerator
from ray.tune.utils import flatten_dict

from search.driver.concurrency import Concurrency
from search.trials.checkpoints import checkpoints, latest_whole, number_of
from search.trials.files import trial_folder
from search.trials.record import TrialRecord


class MayBegin(Protocol):
    """Decides whether one more trial may begin."""

    def __call__(self, *, resumed: bool) -> bool:
        """True if one more trial may begin; ``resumed`` says whether it was interrupted before."""


class TrialSource(SearchGenerator):  # type: ignore[misc]
    """Tune's source of trials.

    An interrupted trial keeps its id, and so its folder and its MLflow run, and resumes from its
    latest whole checkpoint. Tune's own way to resume uses a snapshot of the whole search that it
    writes now and then: it would lose the trials that began later, and a checkpoint that it names
    may be gone.

    Args:
        searcher: proposes the new trials.
        interrupted: trials to resume.
        concurrency: number of trials that may run at once.
        search: the search's folder.
        may_begin: decides whether one more trial may begin.
    """

    def __init__(
        self,
        searcher: Searcher,
        interrupted: list[TrialRecord],
        concurrency: Concurrency,
        search: Path,
        may_begin: MayBegin,
    ) -> None:
        super().__init__(searcher)
        self._interrupted, self._concurrency = list(interrupted), concurrency
        self._search, self._may_begin = search, may_begin
        self._live: set[str] = set()

    def create_trial_if_possible(self, experiment_spec: dict[str, Any]) -> Trial | None:
        """The next trial; None if there is none now."""
        if len(self._live) >= self._concurrency.now():
            return None
        if not self._may_begin(resumed=bool(self._interrupted)):
            self.set_finished()
            return None
        if self._interrupted:
            trial = self._continued(self._interrupted.pop(0), experiment_spec)
        else:
            trial = super().create_trial_if_possible(experiment_spec)
        if trial is not None:
            self._live.add(trial.trial_id)
        return trial

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """A trial ended."""
        self._live.discard(trial_id)
        super().on_trial_complete(trial_id, result, error)

    def _continued(self, record: TrialRecord, experiment_spec: dict[str, Any]) -> Trial:
        folder = trial_folder(self._search, record)
        last = max((number_of(path) for path in checkpoints(folder)), default=-1)
        checkpoint = _only_whole(folder, record.epochs)
        config = record.spec.as_config()
        restore = None if checkpoint is None else str(checkpoint)
        self._counter += 1
        trial = _create_trial_from_spec(
            {**deepcopy(experiment_spec), "config": config, "restore": restore},
            self._parser,
            evaluated_params=flatten_dict(config),
            experiment_tag=str(self._counter),
            trial_id=record.trial_id,
        )
        # Tune numbers checkpoints from here; the first is left to a former worker, if still alive.
        trial.storage.current_checkpoint_index = last + 1
        return trial

    def save_to_dir(self, dirpath: str, session_str: str) -> None:
        """Save nothing: a search resumes from its trials' files."""

    def has_checkpoint(self, dirpath: str) -> bool:
        """False: see ``save_to_dir``."""
        return False


def _only_whole(folder: Path, epochs: int) -> Path | None:
    """The checkpoint to resume from, or None; later ones are removed.

    The later ones are damaged, or belong to an epoch that was never reported.
    """
    chosen = latest_whole(folder, epochs)
    for path in checkpoints(folder):
        if chosen is None or path.name > chosen.name:
            shutil.rmtree(path)
    return chosen

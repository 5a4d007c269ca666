"""A worker whose trial another took over may be alive: it writes over nothing of the other's."""

from copy import copy
from types import SimpleNamespace

import pytest
from made_up import spec
from ray.train._internal.storage import StorageContext
from ray.tune.experiment import Experiment
from ray.tune.search import Searcher

from search.driver.retention import KeepBest
from search.driver.trial_source import TrialSource
from search.selection.rule import Rule
from search.trials.files import folder_name
from search.trials.record import TrialRecord
from search.trials.search_board import SearchBoard

REPORTED = 4


def next_of(storage: StorageContext) -> str:
    """The folder that a worker which was given ``storage`` writes its next checkpoint to."""
    own = copy(storage)
    own._update_checkpoint_index({})
    return own.checkpoint_dir_name


@pytest.fixture
def trial(tmp_path) -> SimpleNamespace:
    """A trial that has reported some checkpoints, as Tune's driver knows it."""
    name = folder_name(3, "t")
    storage = StorageContext(str(tmp_path), "search", trial_dir_name=name)
    for _ in range(REPORTED):
        storage._update_checkpoint_index({})
    return SimpleNamespace(storage=storage)


def test_one_that_was_cut_off_writes_beside_the_one_that_took_over(trial, tmp_path):
    lost = next_of(trial.storage)
    keep = KeepBest(tmp_path / "search", SearchBoard(100, 4, 10), Rule({}, {}))
    keep.on_trial_recover(0, [], trial)
    assert next_of(trial.storage) > lost


@pytest.mark.parametrize("written", [0, 1, REPORTED])
def test_one_whose_driver_died_writes_beside_the_one_of_the_resumed_search(tmp_path, written):
    search = tmp_path / "search"
    folder = search / folder_name(3, "t")
    for number in range(written):
        (folder / f"checkpoint_{number:06d}").mkdir(parents=True)
    lost = f"checkpoint_{written:06d}"
    record = TrialRecord(spec(3), "t")
    experiment = Experiment("search", lambda config: None, storage_path=str(tmp_path))
    at_once, always = SimpleNamespace(now=lambda: 1), lambda resumed: True
    source = TrialSource(Searcher(), [record], at_once, search, always)
    resumed = source.create_trial_if_possible(experiment.spec)
    assert next_of(resumed.storage) > lost

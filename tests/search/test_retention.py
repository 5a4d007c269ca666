"""Which checkpoints stay on disk while a trial runs, and after it."""

from types import SimpleNamespace

import pytest
from ray.tune import Checkpoint

from search.retention import KeepLatest


@pytest.fixture
def written(tmp_path):
    """A callback that was told of five checkpoints, and their folder."""
    callback, trial = KeepLatest(), SimpleNamespace(trial_id="t", checkpoint=None)
    for number in range(5):
        folder = tmp_path / f"checkpoint_{number:06d}"
        folder.mkdir()
        (folder / "state.pt").write_bytes(b"state")
        checkpoint = Checkpoint.from_directory(folder)
        trial.checkpoint = checkpoint
        callback.on_checkpoint(iteration=0, trials=[], trial=trial, checkpoint=checkpoint)
    return callback, tmp_path, trial


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_latest_two_stay_while_a_trial_runs(written):
    assert names(written[1]) == ["checkpoint_000003", "checkpoint_000004"]


def test_the_latest_stays_once_it_has_ended(written):
    callback, folder, trial = written
    callback.on_trial_complete(iteration=0, trials=[], trial=trial)
    assert names(folder) == ["checkpoint_000004"]


def test_a_failed_trial_keeps_what_it_had(written):
    callback, folder, trial = written
    callback.on_trial_error(iteration=0, trials=[], trial=trial)
    assert names(folder) == ["checkpoint_000003", "checkpoint_000004"]

"""Which checkpoint a trial goes on from when some are damaged."""

import pytest

from search.trials.checkpoints import STATE_FILE, intact_epoch, latest_whole, write_checksum


@pytest.fixture
def trial(tmp_path):
    """Three checkpoints, of epochs 1 to 3."""
    for epoch in (1, 2, 3):
        folder = tmp_path / f"checkpoint_{epoch - 1:06d}"
        folder.mkdir()
        (folder / STATE_FILE).write_bytes(bytes([epoch]) * 1000)
        write_checksum(folder, epoch)
    return tmp_path


def test_a_whole_checkpoint_tells_its_epoch(trial):
    assert intact_epoch(trial / "checkpoint_000001") == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "unsealed", "bad seal"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(trial, damage):
    folder = trial / "checkpoint_000002"
    state, seal_file = folder / STATE_FILE, folder / "seal.json"
    content = state.read_bytes()
    if damage == "cut":
        state.write_bytes(content[:500])
    elif damage == "flipped":
        state.write_bytes(content[:-1] + b"\0")
    elif damage == "gone":
        state.unlink()
    elif damage == "unsealed":
        seal_file.unlink()
    else:
        seal_file.write_text('{"epoch": 3')
    assert latest_whole(trial, 3) == trial / "checkpoint_000001"


def test_a_checkpoint_of_an_epoch_that_nobody_was_told_of_is_passed_over(trial):
    assert latest_whole(trial, 1) == trial / "checkpoint_000000"


def test_without_a_whole_checkpoint_there_is_none(trial):
    for folder in trial.iterdir():
        (folder / STATE_FILE).write_bytes(b"")
    assert latest_whole(trial, 3) is None

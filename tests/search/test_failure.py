import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, OutOfMemoryError

from search.driver.node_losses import NodeLosses
from search.trials.failure import AT_HAND, HALT, ROOM, WRITABLE, lost_reason, obstacle, remedy_of
from search.workers.failing import describe, report_failure

DIED = str(ActorDiedError())
LOST = "The actor died because its node has died. Node Id: 5757c5"  # as Ray 2.60 says it
# What Ray's memory monitor says, before the usage of every process.
KILLED = str(OutOfMemoryError("Task was killed due to the node running low on memory.\nPID 1 2 GB"))
CUDA = "ray::ImplicitFunc.train() (pid=1)\ntorch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB"


@pytest.fixture
def trial(tmp_path):
    """A trial with Tune's file of errors, in which every try adds its own."""

    def failing(*texts: str) -> SimpleNamespace:
        tries = [f"Failure # {n} (occurred at noon)\n{text}\n" for n, text in enumerate(texts, 1)]
        file = tmp_path / "error.txt"
        file.write_text("".join(tries))
        return SimpleNamespace(error_file=str(file))

    return failing


def test_a_worker_that_died_is_told_in_a_line(trial):
    assert lost_reason(trial(DIED, DIED, DIED)) == "WorkerDied: its worker died 3 times"


def test_a_worker_that_ray_ended_for_want_of_memory_is_told_so(trial):
    assert lost_reason(trial(DIED, DIED, KILLED)).startswith(
        "OutOfMemoryError: memory ran out, and Ray ended"
    )


def test_the_last_try_counts(trial):
    assert lost_reason(trial(KILLED, DIED, CUDA)) == (
        "OutOfMemoryError: CUDA out of memory. Tried 2 GiB"
    )


def test_a_trial_without_a_file_failed_for_an_unknown_reason():
    assert lost_reason(SimpleNamespace(error_file=None)) == "unknown error"


def test_an_error_is_told_in_a_line_without_what_no_terminal_or_database_takes():
    error = ValueError("a null \x00 byte,\n\x1b[31mred, half \ud83d of one, and a whole \U0001f600")
    told = "ValueError: a null byte, [31mred, half of one, and a whole \U0001f600"
    assert describe(error) == told


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, ROOM),
        (errno.EDQUOT, ROOM),
        (errno.EROFS, WRITABLE),
        (errno.EIO, AT_HAND),
        (errno.ESTALE, AT_HAND),
        (errno.ENOTCONN, AT_HAND),
        (errno.ENOENT, ""),
    ],
)
def test_what_a_disk_or_share_refuses_says_what_to_do_first(number, remedy):
    assert remedy_of(OSError(number, "")) == remedy


def test_nothing_is_in_the_way_of_a_folder_that_can_be_written(tmp_path):
    assert obstacle(tmp_path) == ("", "")


def test_a_folder_that_is_gone_is_to_be_brought_back(tmp_path):
    assert obstacle(tmp_path / "gone") == (f"No such file or directory: {tmp_path}/gone", AT_HAND)


def test_a_folder_that_may_not_be_written_is_to_be_made_writable(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert obstacle(tmp_path) == (f"Permission denied: {tmp_path}", WRITABLE)


def failures_after(trial, *losses: tuple[str, int]) -> int:
    """The failures that Tune counts after some, each after an epoch."""
    callback, metadata = NodeLosses(), SimpleNamespace(num_failures=0)
    for error, epoch in losses:
        metadata.num_failures += 1
        known = {"trial_id": "t", "last_result": {"epoch": epoch}, "run_metadata": metadata}
        callback.on_trial_recover(0, [], SimpleNamespace(**known, **vars(trial(error))))
    return metadata.num_failures


def test_a_broken_connection_to_its_node_does_not_count_either(trial):
    cut_off = str(ActorUnavailableError("keepalive watchdog timeout", b"1" * 16))
    assert failures_after(trial, (cut_off, 1), (LOST, 2), (cut_off, 3)) == 0


def test_the_loss_of_its_node_does_not_count_among_a_trial_s_failures(trial):
    assert failures_after(trial, (LOST, 1), (LOST, 4), (LOST, 5), (LOST, 9)) == 0


def test_it_counts_where_the_trial_got_no_further_since_the_last(trial):
    assert failures_after(trial, (LOST, 0), (LOST, 3), (LOST, 3)) == 2


def test_the_death_of_a_worker_alone_counts(trial):
    assert failures_after(trial, (DIED, 1), (DIED, 2)) == 2


def test_a_node_that_was_preempted_is_counted_by_nobody(trial):
    metadata = SimpleNamespace(num_failures=1)
    text = f"{LOST}\n\tthe actor's node was preempted: spot instance"
    known = {"trial_id": "t", "last_result": {"epoch": 4}, "run_metadata": metadata}
    NodeLosses().on_trial_recover(0, [], SimpleNamespace(**known, **vars(trial(text))))
    assert metadata.num_failures == 1


@pytest.mark.parametrize("number", [errno.ESTALE, errno.ENOTCONN, errno.EIO])
def test_a_share_that_is_lost_while_a_trial_trains_halts_the_search(number, tmp_path, monkeypatch):
    def refuse(path: Path) -> bool:
        raise OSError(number, os.strerror(number), str(path))

    storage, reported = SimpleNamespace(experiment_fs_path=str(tmp_path)), []
    context = SimpleNamespace(get_storage=lambda: storage)
    monkeypatch.setattr("ray.tune.get_context", lambda: context)
    monkeypatch.setattr("ray.tune.report", reported.append)
    monkeypatch.setattr(Path, "is_file", refuse)
    report_failure(RuntimeError("cannot write the checkpoint"), "", "val_accuracy")
    assert reported[0][HALT].startswith(AT_HAND)

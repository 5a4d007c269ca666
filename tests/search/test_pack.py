"""Packs: several trials of a search in one process."""

import pytest
import torch

from search.driver.resources import Machine, Resources, allot_packs
from search.request.parser import search_options
from search.trials.checkpoints import STATE_FILE, write_checksum
from search.trials.spec import Job, TrialSpec
from search.workers.pack_host import PackHost
from trainables.boundary.errors import UsageError
from trainables.data import DataSpec
from trainables.training import TrainingData, fit

JOB = Job("gap5", DataSpec("composite"), "embedded", 300, 100, 3, 0, 1)
UNTIMED = ("val_loss", "val_accuracy", "train_loss", "train_accuracy", "lr", "digit_following")


def spec(number: int, **values) -> TrialSpec:
    return TrialSpec(JOB, number, {"pool_stride": 2, "batch_size": 50, **values})


@pytest.fixture(scope="module")
def host(finished):  # after it, so that the cache is there
    return PackHost(JOB, threads=1)


def alone(embedded, asked: TrialSpec) -> list[float]:
    data = TrainingData.of(embedded.limited(300, 100), torch.device("cpu"))
    return [epoch.metrics["val_loss"] for epoch in fit(asked.setting, data)]


def fetched(host: PackHost, trial_id: str) -> list[dict]:
    found = []
    while (made := host.next(trial_id)) is not None:
        found.append(made[0])
    host.leave(trial_id)
    return found


def test_a_failing_member_fails_alone(host, embedded):
    host.join("good", spec(0).as_config(), None)
    host.join("bad", spec(1, optimizer="sgd", lr=100.0, momentum=0.99).as_config(), None)
    with pytest.raises(ArithmeticError, match="loss became"):
        fetched(host, "bad")
    host.leave("bad")
    losses = [metrics["val_loss"] for metrics in fetched(host, "good")]
    assert losses == alone(embedded, spec(0))


def test_a_member_that_joins_with_a_checkpoint_goes_on_from_it(host, embedded, tmp_path):
    host.join("first", spec(2).as_config(), None)
    metrics, state = host.next("first")
    host.leave("first")
    folder = tmp_path / "checkpoint_000000"
    folder.mkdir()
    (folder / STATE_FILE).write_bytes(state)
    write_checksum(folder, 1)
    host.join("again", spec(2).as_config(), str(folder))
    later = fetched(host, "again")
    assert [metrics["epoch"] for metrics in later] == [2, 3]
    assert [m["val_loss"] for m in [metrics, *later]] == alone(embedded, spec(2))


def test_a_member_that_left_is_trained_no_further(host):
    host.join("stopped", spec(3).as_config(), None)
    host.next("stopped")
    host.leave("stopped")
    assert host.size() == 0


def test_a_packed_search_finds_what_a_search_of_single_trials_finds(small_search, tmp_path):
    flags = ("--trials", "3", "--epochs", "1")
    packed = small_search(tmp_path, "packed", *flags, "--pack", "3")
    single = small_search(tmp_path, "single", *flags, "--concurrency", "1")
    assert packed.status == single.status == 0, packed.printed + single.printed
    assert packed.summary["resources"]["packs"] == 1
    rows = zip(packed.histories(), single.histories(), strict=True)
    for (ours,), (theirs,) in rows:
        assert {k: ours[k] for k in UNTIMED} == {k: theirs[k] for k in UNTIMED}


def test_a_member_of_a_packed_search_that_diverges_is_not_tried_again(small_search, tmp_path):
    flags = ("--set", "optimizer=sgd", "--set", "lr=100", "--set", "momentum=0.99")
    search = small_search(tmp_path, "packed", "--pack", "2", "--trials", "2", *flags)
    assert search.status == 3, search.printed
    assert search.printed.count(" started: ") == 2
    assert search.printed.count("failed: NonFiniteLossError: ") == 2


@pytest.mark.parametrize(
    ("machine", "members", "expected"),
    [
        ((2, 0), 4, Resources(2, 0.0, 4, 1)),
        ((16, 1), 8, Resources(16, 1.0, 8, 1)),
        ((16, 4), 8, Resources(4, 1.0, 32, 4)),
    ],
)
def test_there_is_a_pack_on_each_gpu(machine, members, expected):
    assert allot_packs([Machine(*machine)], members) == expected


@pytest.mark.parametrize("flag", ["--concurrency", "--cpus-per-trial", "--gpus-per-trial"])
def test_a_pack_and_resources_of_a_trial_exclude_each_other(flag):
    with pytest.raises(UsageError, match=f"--pack and {flag}"):
        search_options(["--space", "gap5", "--pack", "2", flag, "1"])

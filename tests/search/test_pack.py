"""Packs: several trials of a search in one process."""

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import torch

from search.driver.resources import Machine, Resources, allot_packs
from search.request.parser import search_options
from search.trials.checkpoints import STATE_FILE, epochs_of, write_checksum
from search.trials.spec import Job, TrialSpec
from search.workers import pack_host
from search.workers.pack_host import PackHost
from trainables.boundary.errors import UsageError
from trainables.data import DataSpec
from trainables.training import Epoch, TrainingData, fit

JOB = Job("gap5", DataSpec("composite"), "embedded", 300, 100, 3, 0, 1)
UNTIMED = ("val_loss", "val_accuracy", "train_loss", "train_accuracy", "lr", "digit_following")


def spec(number: int, **values) -> TrialSpec:
    return TrialSpec(JOB, number, {"pool_stride": 2, "batch_size": 50, **values})


@pytest.fixture(scope="module")
def host(finished):  # after it, so that the cache is there
    return PackHost(JOB, threads=1, milestones=range(1, 4))


def alone(embedded, asked: TrialSpec) -> list[float]:
    # In the format of JOB, which does not name one.
    data = TrainingData.of(embedded.limited(300, 100), torch.device("cpu"), torch.float32)
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


def test_the_epochs_of_a_member_that_reports_its_last_alone_are_those_of_its_solo(host, embedded):
    """Two members, the epochs of both taking no time."""
    quick = PackHost(JOB, threads=1, milestones={3}, clock=lambda: 0.0)
    asked = {"one": spec(4), "other": spec(5, lr=0.02)}
    for name, each in asked.items():
        quick.join(name, each.as_config(), None)
    for name, each in asked.items():
        (report,) = fetched(quick, name)
        assert [figures["val_loss"] for figures in epochs_of(report)] == alone(embedded, each)


@dataclass
class Made:
    """A member that is made up: it counts its epochs in its weight, changed in place."""

    epochs: int
    fails: int = 0
    trained: int = 0
    weight: torch.Tensor = field(default_factory=lambda: torch.zeros(1))

    def steps(self) -> Iterator[Epoch | None]:
        for number in range(1, self.epochs + 1):
            yield None
            if number == self.fails:
                raise ArithmeticError("the loss became nan")
            self.trained, self.weight[0] = number, number
            yield Epoch(number, {"val_accuracy": number / 10}, {"weight": self.weight})


@pytest.fixture
def pack(monkeypatch):
    """A function that makes a host and has members that are made up join it, by their names."""

    def begin(milestones=range(1, 99), **members: Made) -> PackHost:
        made = PackHost(JOB, 1, milestones, clock=lambda: 0.0)
        for name, member in members.items():
            monkeypatch.setattr(pack_host, "steps", lambda *_, member=member: member.steps())
            made.join(name, spec(0).as_config(), None)
        return made

    data = SimpleNamespace(device=torch.device("cpu"))
    monkeypatch.setattr(pack_host, "training_data", lambda job: data)
    return begin


def state(made: tuple) -> float:
    return torch.load(io.BytesIO(made[1]), weights_only=True)["weight"].item()


def whole(host: PackHost, name: str) -> list[int]:
    return [figures["epoch"] for figures in fetched(host, name)]


@pytest.fixture
def writing(monkeypatch):
    """Has the second epoch of the member with ten be written only once it is let through."""
    own, held = pack_host.written, SimpleNamespace(begun=threading.Event(), ends=threading.Event())

    def slow(epoch: Epoch, architecture: str) -> bytes:
        if epoch.metrics["val_accuracy"] == 0.2 and epoch.state["weight"].numel() == 2:
            held.begun.set()
            assert held.ends.wait(60)
        return own(epoch, architecture)

    monkeypatch.setattr(pack_host, "written", slow)
    yield held
    held.ends.set()


def held_up(host: PackHost, name: str, writing: SimpleNamespace) -> threading.Thread:
    """Fetch two reports of a member, the second of which is not written before it may be."""
    fetching = threading.Thread(target=lambda: (host.next(name), host.next(name)), daemon=True)
    fetching.start()
    assert writing.begun.wait(60)
    return fetching


def test_a_checkpoint_that_is_long_to_write_holds_no_other_member_up(pack, writing):
    host = pack(slow=Made(10, weight=torch.zeros(2)), one=Made(30), other=Made(30))
    fetching = held_up(host, "slow", writing)
    assert whole(host, "one") == whole(host, "other") == list(range(1, 31))
    assert fetching.is_alive()
    writing.ends.set()
    fetching.join(60)
    assert whole(host, "slow") == list(range(3, 11))


def test_a_member_trains_one_report_more_while_its_checkpoint_is_written_and_no_further(
    pack, writing
):
    slow = Made(10, weight=torch.zeros(2))
    host = pack(slow=slow, other=Made(30))
    held_up(host, "slow", writing)
    whole(host, "other")
    assert slow.trained == 3


def test_one_thread_trains_all_members_and_writes_none_of_their_checkpoints(pack, monkeypatch):
    trained, written, write = set(), set(), pack_host.written

    def steps() -> Iterator[Epoch | None]:
        for number in (1, 2):
            trained.add(threading.current_thread().name)
            yield Epoch(number, {"val_accuracy": 0.5}, {"weight": torch.zeros(1)})

    def noted(*epoch) -> bytes:
        written.add(threading.current_thread().name)
        return write(*epoch)

    monkeypatch.setattr(pack_host, "written", noted)
    host = pack(one=SimpleNamespace(steps=steps), other=SimpleNamespace(steps=steps))
    assert [whole(host, name) for name in ("one", "other")] == [[1, 2], [1, 2]]
    assert trained == {"pack"} and "pack" not in written


def test_memory_that_torch_holds_for_graphs_is_not_taken_for_room(monkeypatch):
    memory = pack_host._Memory(torch.device("cuda"))
    memory._needed = 10
    for free, expected in ((19, False), (21, True)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _, free=free: (free, 100))
        assert memory.has_room() is expected


def test_others_join_and_leave_while_a_checkpoint_is_written(pack, writing, monkeypatch):
    host = pack(slow=Made(10, weight=torch.zeros(2)), other=Made(30))
    fetching = held_up(host, "slow", writing)
    host.next("other")
    host.leave("other")
    monkeypatch.setattr(pack_host, "steps", lambda *_: Made(5).steps())
    host.join("late", spec(0).as_config(), None)
    assert whole(host, "late") == [1, 2, 3, 4, 5]
    assert fetching.is_alive()


def test_a_member_whose_checkpoint_cannot_be_written_fails_alone(pack, monkeypatch):
    own = pack_host.written

    def full(epoch: Epoch, architecture: str) -> bytes:
        if epoch.state["weight"].numel() == 2:
            raise OSError("No space left on device")
        return own(epoch, architecture)

    monkeypatch.setattr(pack_host, "written", full)
    host = pack(bad=Made(5, weight=torch.zeros(2)), good=Made(5))
    with pytest.raises(OSError, match="No space left"):
        host.next("bad")
    host.leave("bad")
    assert whole(host, "good") == [1, 2, 3, 4, 5]
    assert host.size() == 0


def test_a_report_that_waits_holds_the_state_of_its_own_epoch(pack):
    """The member trains on in place as soon as its report is fetched."""
    host = pack(late=Made(5), other=Made(30))
    whole(host, "other")
    assert [state(host.next("late")) for _ in range(5)] == [1, 2, 3, 4, 5]


def test_a_member_nobody_fetches_from_trains_one_report_and_waits(pack):
    late = Made(9)
    host = pack({4, 9}, late=late, other=Made(9))
    whole(host, "other")
    assert late.trained == 4


def test_a_report_holds_the_epochs_since_the_one_before_and_the_last_ones_state(pack):
    host = pack({2, 5}, one=Made(5))
    reports = [host.next("one"), host.next("one")]
    assert [[each["epoch"] for each in epochs_of(r[0])] for r in reports] == [[1, 2], [3, 4, 5]]
    assert [state(report) for report in reports] == [2, 5]
    assert host.next("one") is None


def test_epochs_that_wait_when_a_member_fails_come_before_its_error(pack):
    host = pack({1, 9}, bad=Made(9, fails=4), good=Made(9))
    assert host.next("bad")[0]["epoch"] == 1
    figures, checkpoint = host.next("bad")
    assert [each["epoch"] for each in epochs_of(figures)] == [2, 3]
    assert checkpoint is None
    with pytest.raises(ArithmeticError):
        host.next("bad")
    assert whole(host, "good") == [1, 9]


@pytest.mark.parametrize("again", [False, True])
def test_a_call_for_a_member_that_has_left_does_not_wait_for_ever(pack, again):
    """Its process died; perhaps it is tried again, under the same name."""
    asked, goes_on = threading.Event(), threading.Event()

    def stuck() -> Iterator[Epoch | None]:
        asked.set()
        assert goes_on.wait(60)
        yield None

    host = pack(dead=SimpleNamespace(steps=stuck))
    told: list[object] = []
    waiting = threading.Thread(target=lambda: told.append(host.next("dead")), daemon=True)
    waiting.start()
    assert asked.wait(60)
    while not host._changed._waiters:  # until the call waits
        pass
    if again:
        host.join("dead", spec(0).as_config(), None)
    else:
        host.leave("dead")
    waiting.join(60)
    goes_on.set()
    assert told == [None]


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

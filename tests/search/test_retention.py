"""Which checkpoints stay on disk while trials run, and after them."""

from types import SimpleNamespace

import pytest
from made_up import spec
from ray.tune import Checkpoint

from search.driver.retention import KeepBest
from search.selection.choice import SAVED_TRIALS, choose
from search.selection.rule import Rule
from search.space.constraints import Limit
from search.trials.checkpoints import STATE_FILE, write_checksum
from search.trials.files import folder_name
from search.trials.search_board import SearchBoard

FREE = Rule({}, {})


class Search:
    """A search whose trials write checkpoints and end, with the callback told of it."""

    def __init__(self, folder, rule: Rule = FREE) -> None:
        self.folder, self.board, self.rule = folder, SearchBoard(100, 4, 10), rule
        self.keep = KeepBest(folder, self.board, rule)

    def train(self, number: int, accuracy: float, epochs: int = 4, of=None, **figures) -> None:
        name, asked = str(number), spec(number, repeats=of)
        board = self.board.board_of(asked)
        board.started(name, asked)
        for epoch in range(1, epochs + 1):
            board.reported(name, epoch, {"val_accuracy": accuracy, **figures})
            folder = self.folder / folder_name(number, name) / f"checkpoint_{epoch - 1:06d}"
            self.write(folder, epoch)
            told = {"trial": SimpleNamespace(trial_id=name), "iteration": 0, "trials": []}
            self.keep.on_checkpoint(checkpoint=Checkpoint.from_directory(folder), **told)

    def write(self, folder, epoch: int, whole: bool = True) -> None:
        folder.mkdir(parents=True)
        (folder / STATE_FILE).write_bytes(b"state")
        if whole:
            write_checksum(folder, epoch)

    def end(self, number: int, failed: bool = False) -> None:
        told = {"trial": SimpleNamespace(trial_id=str(number)), "iteration": 0, "trials": []}
        board = self.board.board_of(self.board.record(str(number)).spec)
        if failed:
            board.failed(str(number), "because")
            self.keep.on_trial_error(**told)
        else:
            board.ended(str(number))
            self.keep.on_trial_complete(**told)

    def left(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for path in sorted(self.folder.glob("trial-*/checkpoint_*")):
            found.setdefault(int(path.parent.name.split("-")[1]), []).append(path.name[-1])
        return found


@pytest.fixture
def search(tmp_path):
    return Search(tmp_path)


def test_the_latest_two_stay_while_a_trial_runs(search):
    search.train(1, 0.5)
    assert search.left() == {1: ["2", "3"]}


def test_the_latest_stays_once_it_has_ended(search):
    search.train(1, 0.5)
    search.end(1)
    assert search.left() == {1: ["3"]}


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("epochs", [0, 2])
def test_of_a_trial_stopped_while_it_wrote_one_the_last_reported_stays(search, epochs, whole):
    search.train(1, 0.5, epochs=epochs)
    search.write(search.folder / folder_name(1, "1") / "checkpoint_000005", epochs + 1, whole)
    search.end(1)
    assert search.left() == ({1: ["1"]} if epochs else {})


def test_a_damaged_one_stays_where_no_other_does_so_that_its_loss_is_named(search):
    search.train(1, 0.5)
    for path in search.folder.glob(f"*/*/{STATE_FILE}"):
        path.write_bytes(b"damaged")
    search.end(1)
    assert search.left() == {1: ["3"]}


def test_a_failed_trial_keeps_nothing(search):
    search.train(1, 0.5)
    search.end(1, failed=True)
    assert search.left() == {}


def test_the_best_and_the_baseline_stay_of_many(search):
    accuracies = {0: 0.1, **{number: (number * 7 % 30) / 30 for number in range(1, 30)}}
    for number, accuracy in accuracies.items():
        search.train(number, accuracy)
        search.end(number)
    best = sorted(accuracies, key=accuracies.get, reverse=True)[:SAVED_TRIALS]
    assert set(search.left()) == {0, *best}
    assert all(len(names) == 1 for names in search.left().values())


def test_a_callback_that_comes_later_keeps_the_same(search):
    for number in range(1, 8):
        search.train(number, number / 10)
        search.end(number)
    search.train(8, 0.05)
    KeepBest(search.folder, search.board, search.rule)
    assert set(search.left()) == {5, 6, 7, 8}
    assert search.left()[8] == ["2", "3"]


def test_all_finalists_trainings_stay_beside_the_best(search):
    for number in range(1, 7):
        search.train(number, number / 10)
        search.end(number)
    for number in range(100, 104):
        search.train(number, 0.05, of=6)
        search.end(number)
    assert set(search.left()) == {4, 5, 6, 100, 101, 102, 103}


def test_bound_by_a_constraint_the_trial_that_would_win_stays_beside_stopped_ones(tmp_path):
    bound = Search(tmp_path, Rule({"digit_following": Limit(max=0.1)}, {"digit_following": 100}))
    bound.train(1, 0.7, digit_following=0.3)
    bound.end(1)
    for number in range(2, 7):
        bound.train(number, 0.2, epochs=2, digit_following=0.2)
        bound.end(number)
    winner = choose(bound.board, bound.rule).winner
    assert winner.number == 1
    assert 1 in bound.left()


def test_bound_by_a_constraint_those_that_hold_it_stay(tmp_path):
    bound = Search(tmp_path, Rule({"digit_following": Limit(max=0.1)}, {"digit_following": 100}))
    for number in range(1, 8):
        bound.train(number, number / 10, digit_following=number / 25)
        bound.end(number)
    assert set(bound.left()) == {1, 2, 3}

"""What a search trains again, when, and with which seeds."""

import pytest
from ray.tune.search import Searcher

from search.proposals.finals import WithFinals, finals
from search.proposals.planned import PlannedSearch
from search.selection.rule import Rule
from search.space.budget import Budget
from search.trials.board import TrialBoard
from search.trials.files import History
from search.trials.spec import Job, Task
from trainables.data import DataSpec

JOB = Job("gap5", DataSpec(), "embedded", None, None, 1, 3, 1)
BUDGET = Budget(trials=3, epochs=1, finalists=2, finalist_seeds=2)
ACCURACIES = [0.5, 0.7, 0.6]


def tasks() -> list[Task]:
    return [Task(JOB, number, {"lr": 0.001 * (number + 1)}) for number in range(3)]


def board(ended: int = 3) -> TrialBoard:
    made = TrialBoard(3, 1, 100, finalists=2, seeds=2)
    for task in tasks()[:ended]:
        end(made, task, ACCURACIES[task.number])
    return made


def end(made: TrialBoard, task: Task, accuracy: float) -> None:
    name = f"t{task.number}"
    made.started(name, task.number, task.values, task.label, task.stream, task.repeats)
    made.reported(name, 1, {"val_accuracy": accuracy})
    made.ended(name)


def searcher(made: TrialBoard) -> WithFinals:
    return WithFinals(PlannedSearch(tasks()), made, Rule({}, {}), JOB, BUDGET)


def test_the_searchs_own_trials_come_first():
    search = searcher(board(0))
    assert [search.suggest(f"t{n}")["number"] for n in range(3)] == [0, 1, 2]


def test_while_a_trial_is_under_way_nothing_is_proposed():
    search = searcher(board(2))
    for number in range(3):
        search.suggest(f"t{number}")
    assert search.suggest("f") is None


def proposed(search: WithFinals) -> list[Task]:
    found = []
    while isinstance(config := search.suggest(f"x{len(found)}"), dict):
        found.append(Task.from_config(config))
    assert config == Searcher.FINISHED
    return found


def test_then_the_best_settings_are_trained_again_a_seed_after_the_other():
    found = proposed(searcher(board()))[3:]
    assert [(t.number, t.repeats) for t in found] == [(3, 1), (4, 2), (5, 1), (6, 2)]
    assert [t.values["lr"] for t in found] == [0.002, 0.003, 0.002, 0.003]


def test_no_trial_of_the_search_had_a_finals_seed_and_all_finalists_have_the_same():
    found = proposed(searcher(board()))
    seeds = [task.setting.seed for task in found]
    assert set(seeds[:3]).isdisjoint(seeds[3:])
    assert seeds[3] == seeds[4] != seeds[5] == seeds[6]


def test_fewer_trials_than_finalists_are_all_trained_again():
    few = TrialBoard(3, 1, 100, finalists=2, seeds=2)
    end(few, tasks()[0], 0.5)
    for task in tasks()[1:]:
        few.started(f"t{task.number}", task.number, task.values)
        few.failed(f"t{task.number}", "why")
    assert [t.repeats for t in finals(few, Rule({}, {}), JOB, BUDGET)] == [0, 0]


def test_where_every_trial_failed_there_are_no_finals():
    none = TrialBoard(3, 1, 100, finalists=2, seeds=2)
    for task in tasks():
        none.started(f"t{task.number}", task.number, task.values)
        none.failed(f"t{task.number}", "why")
    assert proposed(searcher(none))[3:] == []
    assert none.is_whole


def history(made: TrialBoard, task: Task) -> History:
    record = made.record(f"t{task.number}")
    return History(None, task, (record,), record.status, "", 0.0)


def test_a_search_that_goes_on_proposes_what_is_left_of_its_finals():
    made, first = board(), searcher(board())
    begun = proposed(first)[3]
    end(made, begun, 0.65)
    again = searcher(made)
    for task in (*tasks(), begun):
        again.recall(history(made, task))
    assert [t.number for t in proposed(again)] == [4, 5, 6]


def test_the_other_searcher_is_not_told_of_the_finals():
    told = []

    class Listening(PlannedSearch):
        def on_trial_complete(self, trial_id, result=None, error=False):
            told.append(trial_id)

    search = WithFinals(Listening(tasks()), board(), Rule({}, {}), JOB, BUDGET)
    for name in ("a", "b", "c", "final"):
        search.suggest(name)
        search.on_trial_complete(name, {"epoch": 1})
    assert told == ["a", "b", "c"]


@pytest.mark.parametrize("ended", [0, 3])
def test_a_board_is_whole_once_its_finals_are(ended):
    made = board()
    for task in list(finals(made, Rule({}, {}), JOB, BUDGET))[: ended + 1]:
        end(made, task, 0.6)
    assert made.is_whole is (ended == 3)


def test_finals_count_neither_as_trials_nor_for_the_best_but_their_epochs_do():
    made = board()
    for task in finals(made, Rule({}, {}), JOB, BUDGET):
        end(made, task, 0.9)
    assert made.count("completed") == 3
    assert made.best().number == 1
    assert made.epochs == 7

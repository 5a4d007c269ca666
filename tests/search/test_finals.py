"""What a search trains again, when, and with which seeds."""

import pytest
from made_up import JOB, history, play, spec
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from search.proposals.finals import finals
from search.proposals.planned import PlannedSearch, TrainToTheEnd
from search.selection.race import is_whole
from search.selection.rule import Rule
from search.trials.search_board import SearchBoard
from search.trials.spec import TrialSpec

FREE = Rule({}, {})
TRIALS = [spec(number, {"lr": 0.001 * (number + 1)}) for number in range(3)]
ACCURACIES = [0.5, 0.7, 0.6]


def board(failed: tuple[int, ...] = ()) -> SearchBoard:
    """A search whose trials have ended."""
    made = SearchBoard(3, 1, 100, finalists=2, seeds=2)
    for asked, accuracy in zip(TRIALS, ACCURACIES, strict=True):
        play(made.trials, asked, [accuracy], "failed" if asked.number in failed else "ended")
    return made


def finals_of(made: SearchBoard) -> list[TrialSpec]:
    return list(finals(made, FREE, JOB))


def test_the_best_settings_and_the_baselines_are_trained_again_a_seed_after_the_other():
    found = finals_of(board())
    assert [each.number for each in found] == list(range(3, 9))
    assert [each.repeats for each in found] == [1, 2, 0, 1, 2, 0]
    assert [each.values["lr"] for each in found] == [0.002, 0.003, 0.001] * 2


def test_a_final_is_named_by_its_finalist_and_its_seed():
    assert [each.label for each in finals_of(board())] == [
        "finalist-1-seed-1",
        "finalist-2-seed-1",
        "finalist-3-seed-1",
        "finalist-1-seed-2",
        "finalist-2-seed-2",
        "finalist-3-seed-2",
    ]


def test_no_trial_of_the_search_had_a_finals_seed_and_all_finalists_have_the_same():
    seeds = [each.setting.seed for each in finals_of(board())]
    assert {each.setting.seed for each in TRIALS}.isdisjoint(seeds)
    assert seeds[0] == seeds[1] == seeds[2] != seeds[3] == seeds[4] == seeds[5]


def test_fewer_trials_than_finalists_are_all_trained_again():
    assert [each.repeats for each in finals_of(board(failed=(1, 2)))] == [0, 0]


def test_where_every_trial_failed_there_are_no_finals():
    none = board(failed=(0, 1, 2))
    assert finals_of(none) == []
    assert is_whole(none, FREE)


def proposed(search: PlannedSearch) -> list[int]:
    """The numbers of what it proposes until it has finished."""
    found = []
    while isinstance(config := search.suggest(f"x{len(found)}"), dict):
        found.append(TrialSpec.from_config(config).number)
    assert config == Searcher.FINISHED
    return found


def test_a_list_is_proposed_in_the_order_of_its_numbers():
    assert proposed(PlannedSearch(finals_of(board())[::-1])) == [3, 4, 5, 6, 7, 8]


def test_of_a_list_whose_first_has_begun_the_others_are_proposed():
    search = PlannedSearch(finals_of(board()))
    search.recall(history(finals_of(board())[0], [0.6], "interrupted"))
    assert proposed(search) == [4, 5, 6, 7, 8]


def test_a_final_goes_on_to_its_last_epoch_whatever_it_reports():
    scheduler = TrainToTheEnd(9)
    results = ({"epoch": epoch, "val_accuracy": 0.0} for epoch in range(1, 9))
    decisions = {scheduler.on_trial_result(None, None, result) for result in results}
    assert decisions == {TrialScheduler.CONTINUE}


def test_a_final_that_was_at_its_last_epoch_when_the_driver_died_has_ended():
    cut = [history(spec(epochs), [0.5] * epochs, "interrupted") for epochs in (1, 2, 3)]
    assert TrainToTheEnd(2).recall(cut) == {"2", "3"}


@pytest.mark.parametrize("ended", [0, 5])
def test_a_board_is_whole_once_its_finals_are(ended):
    made = board()
    for asked in finals_of(made)[: ended + 1]:
        play(made.board_of(asked), asked, [0.6])
    assert is_whole(made, FREE) is (ended == 5)


def test_finals_count_neither_as_trials_nor_for_the_best_but_their_epochs_do():
    made = board()
    for asked in finals_of(made):
        play(made.board_of(asked), asked, [0.9])
    assert made.trials.count("completed") == 3
    assert made.trials.best().number == 1
    assert made.epochs == 9

"""When a search with a limit stops its trials, begins no more, and cuts its finals."""

from dataclasses import dataclass

import pytest
from made_up import play, spec

from search.driver.finals_plan import makespan
from search.driver.terminator import CLOSING, MARGIN, Terminator
from search.driver.time_left import seconds_left
from search.request.termination import Termination
from search.selection.choice import choose
from search.selection.patience import Patience
from search.selection.race import is_whole, race_of
from search.selection.rule import Rule
from search.trials.search_board import SearchBoard

FREE = Rule({}, {})
EPOCHS = 4


@dataclass
class MadeUpClock:
    seconds: float = 0.0
    limit: float | None = None

    def stop(self) -> None:
        pass


class Search:
    """A search of two trials at once, whose clock is set by hand."""

    def __init__(self, time: float | None, finalists: int = 0, patience: int | None = None) -> None:
        self.board = SearchBoard(10, EPOCHS, 100, finalists, 2)
        self.board.clock = self.clock = MadeUpClock(limit=time)
        self.killed: list[float] = []
        termination = Termination("90s" if time else "", time, patience)
        counter = patience and Patience(patience, FREE, 2500)
        terminator = Terminator(
            termination, self.board, FREE, counter, lambda: 2, self.killed.append
        )
        self.terminator = terminator

    def begin(self, number: int) -> str:
        asked = spec(number, {"lr": number + 1.0})
        self.board.trials.started(f"t{number}", asked)
        return f"t{number}"

    def epoch(self, name: str, seconds: float, accuracy: float = 0.5) -> bool:
        """An epoch that took so long; True if the trial is to be stopped after it."""
        self.clock.seconds += seconds
        number = self.board.trials.record(name).epochs + 1
        figures = {"val_accuracy": accuracy, "epoch_seconds": seconds}
        stops = self.terminator(name, {"epoch": number, **figures})
        self.terminator.epoch_ended(self.board.trials.reported(name, number, figures))
        if stops or number == EPOCHS:
            self.terminator.trial_ended(self.board.trials.ended(name))
        return stops

    def train(self, number: int, seconds: float = 1.0, accuracy: float = 0.5) -> None:
        name = self.begin(number)
        while not self.board.trials.record(name).status.is_final:
            self.epoch(name, seconds, accuracy)


def test_a_trial_is_stopped_after_the_epoch_whose_next_would_not_end_in_time():
    search = Search(10 + CLOSING)
    name = search.begin(0)
    assert [search.epoch(name, 4.0), search.epoch(name, 4.0)] == [False, True]
    assert search.board.ended_by == "--time 90s"


def test_one_that_ends_its_last_epoch_then_has_not_been_cut_off():
    search = Search(15 + CLOSING)
    search.train(0, 4.0)
    assert search.board.trials.record("t0").epochs == 3
    search = Search(16 + CLOSING)
    search.train(0, 4.0)
    assert search.board.trials.record("t0").epochs == EPOCHS
    assert search.board.ended_by == ""


def test_the_first_epoch_has_all_of_the_time():
    search = Search(100 + CLOSING, finalists=3)
    search.begin(0)
    search.clock.seconds = 99.0
    assert not search.terminator.stop_all()
    assert search.terminator.may_begin()


def test_at_the_end_workers_are_ended_within_an_epoch():
    search = Search(100 + CLOSING)
    search.begin(0)
    search.clock.seconds = 100.0
    assert search.terminator.stop_all()
    assert len(search.killed) == 1
    assert search.board.trials.closed


def test_no_trial_begins_whose_first_epoch_would_not_end_in_time():
    search = Search(10 + CLOSING)
    search.train(0, 2.0)
    assert search.clock.seconds == 8.0
    assert search.terminator.may_begin()
    search.clock.seconds = 8.5
    assert not search.terminator.may_begin()
    assert search.board.ended_by == "--time 90s"


def test_the_trials_end_early_enough_for_the_finals():
    search = Search(200 + CLOSING, finalists=1)
    search.train(0, 2.0)
    finals = MARGIN * makespan([8.0] * 4, 2, 0.0)  # two settings, two seeds, of four epochs
    search.clock.seconds = 200 - finals - 0.1
    assert not search.terminator.stop_all()
    search.clock.seconds = 200 - finals
    assert search.terminator.stop_all()


def test_finals_that_would_take_more_than_half_of_the_time_leave_half_of_it_to_the_trials():
    search = Search(60 + CLOSING, finalists=3)
    search.train(0, 1.5)
    search.clock.seconds = 29.9
    assert not search.terminator.stop_all()


def test_finals_start_as_slowly_as_the_trials_did():
    search = Search(200 + CLOSING, finalists=1)
    assert search.terminator.may_begin()
    search.clock.seconds = 10.0
    search.train(0, 2.0)
    search.clock.seconds = 200 - MARGIN * makespan([8.0] * 4, 2, 10.0) - 0.1
    assert not search.terminator.stop_all()
    search.clock.seconds += 0.1
    assert search.terminator.stop_all()


def test_finals_for_which_it_is_too_late_do_not_end_the_trials():
    search = Search(100 + CLOSING, finalists=1)
    name = search.begin(0)
    assert not search.epoch(name, 45.0)
    assert search.epoch(name, 45.0)


def test_settings_that_are_slower_have_longer_finals():
    ends = []
    for seconds in (1.0, 2.0):
        search = Search(200 + CLOSING, finalists=1)
        search.train(0, 1.0, 0.5)
        search.train(1, seconds, 0.9)
        ends.append(search.terminator._stage_end())
    assert ends[0] > ends[1]


def test_once_they_are_closed_the_trials_are_whole_when_none_runs():
    search = Search(10 + CLOSING)
    name = search.begin(0)
    search.clock.seconds = 10.0
    assert search.terminator.stop_all()
    assert not search.board.trials.is_whole
    search.board.trials.reported(name, 1, {"val_accuracy": 0.5})
    search.board.trials.ended(name)
    assert is_whole(search.board, FREE)


def test_finals_with_enough_time_are_those_that_were_asked_for():
    search = Search(1000.0, finalists=1)
    search.train(0)
    search.board.trials.closed = True
    search.terminator.begin_finals()
    assert (search.board.finalists, search.board.seeds) == (1, 2)
    assert search.board.ended_by == ""


def test_finals_that_do_not_fit_have_fewer_seeds():
    search = Search(100 + CLOSING, finalists=1)
    search.train(0, 1.0, 0.5)
    search.train(1, 1.0, 0.9)
    search.board.trials.closed = True
    search.clock.seconds = 100 - makespan([4.0] * 2, 2, 0.0)
    search.terminator.begin_finals()
    assert len(race_of(search.board, FREE).contenders) == 2
    assert (search.board.finalists, search.board.seeds) == (1, 1)
    assert search.board.ended_by == "--time 90s"


def test_a_search_without_time_for_finals_is_whole_without_them():
    search = Search(100 + CLOSING, finalists=1)
    search.train(0)
    search.board.trials.closed = True
    search.clock.seconds = 99.0
    search.terminator.begin_finals()
    assert is_whole(search.board, FREE)


def test_finals_of_a_search_that_was_killed_among_them_are_planned_by_what_is_recorded():
    first, again = Search(100 + CLOSING, finalists=1), Search(100 + CLOSING, finalists=1)
    first.train(0)
    for record in first.board.trials.records:
        again.board.trials.put(record)
    again.board.trials.closed = True
    again.terminator.recall(again.board.records)
    again.terminator.begin_finals()
    assert len(race_of(again.board, FREE).contenders) == 1
    assert not again.board.finals.closed


def test_finals_that_did_not_come_to_the_best_setting_decide_nothing():
    search = Search(100 + CLOSING, finalists=1)
    search.train(0, 1.0, 0.5)
    search.train(1, 1.0, 0.9)
    search.board.trials.closed = True
    final = spec(10, {"lr": 1.0}, label="finalist-2-seed-1", stream=10, repeats=0)
    play(search.board.finals, final, [0.7] * EPOCHS)
    search.clock.seconds = 99.0
    search.terminator.begin_finals()
    assert not choose(search.board, FREE).confirmed
    best = spec(11, {"lr": 2.0}, label="finalist-1-seed-1", stream=10, repeats=1)
    play(search.board.finals, best, [0.8] * EPOCHS)
    assert choose(search.board, FREE).finalists[0].trial.number == 1


def test_finals_that_are_cut_off_end_the_race():
    search = Search(100 + CLOSING, finalists=1)
    search.train(0)
    search.board.trials.closed = True
    search.terminator.begin_finals()
    final = spec(10, {"lr": 1.0}, label="finalist-1-seed-1", stream=10, repeats=0)
    search.board.finals.started("f", final)
    search.clock.seconds = 100.0
    assert search.terminator.stop_all()
    assert not is_whole(search.board, FREE)
    search.board.interrupt()
    assert is_whole(search.board, FREE)


def test_without_a_limit_nothing_is_stopped():
    search = Search(None, finalists=1)
    search.train(0)
    search.clock.seconds = 1e9
    assert not search.terminator.stop_all()
    assert search.terminator.may_begin()
    search.terminator.begin_finals()


def test_patience_lets_no_more_trials_begin_once_it_is_exhausted():
    search = Search(None, patience=2)
    for number in range(2):
        search.train(number)
    assert search.terminator.may_begin()
    search.train(2)
    assert not search.terminator.may_begin()
    assert search.board.ended_by == "--patience 2"


def test_patience_goes_on_where_an_interrupted_search_was():
    first, again = Search(None, patience=2), Search(None, patience=2)
    for number in range(3):
        first.train(number)
    again.terminator.recall(first.board.trials.records)
    assert not again.terminator.may_begin()


def test_patience_that_is_exhausted_by_the_last_trial_has_ended_nothing():
    search = Search(None, patience=9)
    for number in range(10):
        search.train(number)
    assert search.board.ended_by == ""


@pytest.mark.parametrize(("gone", "left"), [(0.0, 90.0), (60.0, 30.0), (95.0, 0.0)])
def test_no_more_time_is_left_than_the_limit_leaves(gone, left):
    search = Search(90.0)
    search.clock.seconds = gone
    assert seconds_left(search.board, FREE) == left

"""A search that a limit has ended: what it tells, and when it goes on."""

import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_up import play, spec
from rich.console import Console
from test_leaderboard import GAP5

from search.commands.leaderboard import table
from search.commands.report import limit_lines
from search.proposals.finals import finals
from search.records.search_file import SearchFile
from search.records.summary import Summary, close, status_of, summarise
from search.request.termination import Termination, check_limits, check_open, twice
from search.selection.choice import choose
from search.selection.rule import Rule
from search.trials.search_board import SearchBoard
from trainables.boundary.errors import UsageError

FREE = Rule({}, {})
LIMIT = Termination("90s", 90.0)
MORE = Termination("3m", 180.0)


def ended_board() -> SearchBoard:
    """Two trials of ten, of which one has ended an epoch of four; then came the end."""
    board = SearchBoard(10, 4, 100, finalists=1, seeds=2)
    play(board.trials, spec(0, {"lr": 1.0}), [0.5])
    board.trials.started("t1", spec(1))
    board.trials.interrupt()
    board.ended_by, board.trials.closed, board.finals.closed = "--time 90s", True, True
    return board


def summary_of(board: SearchBoard) -> Summary:
    about = {"search": "s", "space": "gap5", "seed": 0, "data": {}, "resources": {}}
    return summarise(board, status_of(board, FREE), about, choose(board, FREE))


@pytest.fixture
def folder(tmp_path):
    """The folder of a search that took 85 seconds of its 90."""
    SearchFile("search.run", {"time": "90s"}, {}).claim(tmp_path / "s", None)
    replace(summary_of(ended_board()), wall_seconds=85.0).write(tmp_path / "s")
    return tmp_path / "s"


def test_its_status_is_complete_and_its_best_trial_wins():
    summary = summary_of(ended_board())
    assert (summary.status, summary.ended_by) == ("complete", "--time 90s")
    assert summary.best is not None
    assert summary.best["trial_id"] == "t0"


def test_a_line_tells_the_limit_what_ran_of_all_and_how_to_go_on():
    request = SimpleNamespace(
        name="s",
        group="",
        command="search.run",
        out=Path("runs").resolve(),
        budget=SimpleNamespace(finals=4),
        termination=LIMIT,
    )
    assert limit_lines(summary_of(ended_board()), request) == [
        "ended by   --time 90s: 1 of 10 trials and 0 of up to 4 trainings of the finals ran",
        "continue   python -m search.run --resume s --time 3m",
    ]


def test_the_leaderboard_tells_it_too():
    console = Console(width=200, file=io.StringIO())
    console.print(table([replace(GAP5, requested_trials=24, ended_by="--time 90s")]))
    assert "--time 90s: 6 of 24 trials" in console.file.getvalue()


def test_a_board_read_from_the_records_stands_as_it_did(folder):
    board = SearchBoard(10, 4, 100, finalists=1, seeds=2)
    for record in ended_board().records:
        board.board_of(record.spec).put(record)
    assert status_of(board, FREE) == "interrupted"
    close(board, json.loads((folder / "summary.json").read_text()))
    assert status_of(board, FREE) == "complete"


def test_a_search_that_was_killed_in_its_finals_has_its_trials_closed_alone():
    board = SearchBoard(10, 4, 100, finalists=1, seeds=2)
    play(board.trials, spec(0, {"lr": 1.0}), [0.5])
    close(board, {"ended_by": "--time 90s", "status": "running"})
    assert board.trials.is_whole
    assert len(list(finals(board, FREE, spec(0).job))) == 2


@pytest.mark.parametrize(
    ("termination", "goes_on"),
    [
        (LIMIT, False),
        (replace(LIMIT, patience=3), False),
        (Termination("1m30s", 90.0), False),
        (Termination("89s", 89.0), False),
        (MORE, True),
        (MORE.shared(spent=100.0, own=50.0, searches=2), True),
        (Termination(), True),
    ],
)
def test_it_goes_on_once_it_is_asked_for_more_of_the_limit(termination, goes_on):
    assert termination.lets_go_on({"ended_by": "--time 90s"}) is goes_on


@pytest.mark.parametrize(("patience", "goes_on"), [(2, False), (3, False), (4, True)])
def test_a_search_that_patience_ended_goes_on_once_it_has_more(patience, goes_on):
    assert Termination(patience=patience).lets_go_on({"ended_by": "--patience 3"}) is goes_on


@pytest.mark.parametrize(
    ("ended_by", "spent", "words"),
    [
        ("--time 90s", 91.0, ("--time", "3m")),
        ("--time 1s", 3.7, ("--time", "8s")),
        ("--patience 3", 99.0, ("--patience", "6")),
    ],
)
def test_the_limit_that_a_search_is_advised_to_ask_for_is_none_that_is_up(ended_by, spent, words):
    assert twice(ended_by, spent) == words


def test_one_that_no_limit_ended_has_nothing_to_go_on_with():
    assert not MORE.lets_go_on({})


@pytest.mark.parametrize("seconds", [1.0, 84.9, 85.0])
def test_a_time_that_is_up_already_is_refused(folder, seconds):
    message = "--resume s: --time 1s limits all its runs together, which have taken 1 min 25 s"
    with pytest.raises(UsageError, match=f"^{message}; give a longer time$"):
        check_limits("s", [folder], Termination("1s", seconds))


@pytest.mark.parametrize("termination", [LIMIT, MORE, Termination()])
def test_the_time_that_it_has_and_more_are_not(folder, termination):
    assert check_limits("s", [folder], termination) is None


def test_more_trials_alone_are_refused_as_its_time_is_up(folder):
    with pytest.raises(UsageError, match=r"^--resume s: --time 90s has ended it; raise that limit"):
        check_open("s", folder, LIMIT)
    check_open("s", folder, MORE)


def test_searches_in_turn_share_what_is_left_evenly():
    assert Termination("2h", 7200.0).shared(spent=1200.0, own=0.0, searches=3).seconds == 2000.0


def test_one_of_them_that_is_resumed_has_what_it_took_besides():
    assert Termination("2h", 7200.0).shared(spent=1200.0, own=700.0, searches=3).seconds == 2700.0


def test_time_that_is_overdrawn_is_nothing():
    assert LIMIT.shared(spent=100.0, own=0.0, searches=2).seconds == 0.0


def test_without_a_time_they_have_any():
    assert Termination().shared(spent=100.0, own=0.0, searches=2).seconds is None

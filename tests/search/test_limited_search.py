"""Searches with a limit, through the command line."""

from math import ceil

import pytest
from conftest import FinishedSearch

ASKED = 300  # trials, which take minutes
QUICK = ("--train-limit", "100", "--val-limit", "100", "--trials", str(ASKED))
FINALS = ("--finalists", "1", "--finalist-seeds", "1")


def ran(search: FinishedSearch) -> int:
    counts = search.summary["trials"]
    return counts["completed"] + counts["pruned"] + counts["failed"]


@pytest.fixture(scope="module")
def limited(small_search, tmp_path_factory) -> tuple[FinishedSearch, int]:
    """A search with finals and its seconds, as many as this machine needs to train anything."""
    for seconds in (20, 40, 80, 160, 320):
        out = tmp_path_factory.mktemp("limited")
        search = small_search(out, "limited", *QUICK, *FINALS, "--time", f"{seconds}s")
        if ran(search):
            break
    return search, seconds


@pytest.mark.slow
def test_it_ends_as_complete_with_a_winner(limited):
    search, _ = limited
    assert (search.status, search.summary["status"]) == (0, "complete"), search.printed
    assert search.summary["best"] is not None
    assert 0 < ran(search) < ASKED


@pytest.mark.slow
def test_it_trains_nothing_after_its_time(limited):
    """By the clocks of its trials, however long its records take to be closed."""
    search, seconds = limited
    ends = [epoch["timestamp"] for trial in search.histories() for epoch in trial]
    assert max(ends) - min(ends) < seconds


@pytest.mark.slow
def test_it_tells_what_ended_it_and_how_much_ran(limited):
    search, seconds = limited
    assert search.summary["ended_by"] == f"--time {seconds}s"
    assert f"ended by   --time {seconds}s: {ran(search)} of {ASKED} trials" in search.printed


@pytest.mark.slow
def test_resumed_it_has_nothing_left_until_it_gets_more_time(limited, small_search):
    search, _ = limited
    before, more = search.summary, f"{ceil(search.summary['wall_seconds']) + 10}s"
    again = small_search(search.out, search.name, resume=True)
    assert (again.status, again.summary) == (0, before)
    assert f"--resume {search.name} --time " in again.printed
    again = small_search(search.out, search.name, "--time", more, resume=True)
    assert (again.status, again.summary["status"]) == (0, "complete"), again.printed
    assert again.summary["ended_by"] == f"--time {more}"
    assert ran(again) >= before["trials"]["completed"] + before["trials"]["pruned"]
    numbers = [each["number"] for each in again.configs()]
    assert len(numbers) == len(set(numbers))


@pytest.mark.slow
def test_patience_ends_the_trials_and_is_kept_by_a_search_that_is_resumed(small_search, tmp_path):
    search = small_search(tmp_path, "patient", *QUICK, "--patience", "2")
    assert (search.status, search.summary["status"]) == (0, "complete"), search.printed
    assert search.summary["ended_by"] == "--patience 2"
    assert 2 < ran(search) < ASKED
    again = small_search(tmp_path, "patient", resume=True)
    assert "--resume patient --patience 4" in again.printed

"""A search with a limit, run as a user does."""

import time

import pytest
from conftest import FinishedSearch, run_here, run_small_search

from search.run import main

ASKED = 300  # trials, which take minutes
TOLERANCE = 10.0  # seconds: this machine may have more to do


def ran(search: FinishedSearch) -> int:
    counts = search.summary["trials"]
    return counts["completed"] + counts["pruned"] + counts["failed"]


@pytest.fixture(scope="module")
def limited(tmp_path_factory) -> tuple[FinishedSearch, float]:
    """A search of 25 seconds with finals, and what it took."""
    began = time.monotonic()
    flags = "--trials", str(ASKED), "--time", "25s", "--finalists", "1", "--finalist-seeds", "1"
    search = run_small_search(tmp_path_factory.mktemp("limited"), "limited", *flags)
    return search, time.monotonic() - began


@pytest.mark.slow
def test_it_ends_as_complete_within_its_time_with_a_winner(limited):
    search, seconds = limited
    assert (search.status, search.summary["status"]) == (0, "complete"), search.printed
    assert seconds < 25 + TOLERANCE
    assert search.summary["best"] is not None
    assert 0 < ran(search) < ASKED


@pytest.mark.slow
def test_it_tells_what_ended_it_and_how_much_ran(limited):
    search, _ = limited
    assert search.summary["ended_by"] == "--time 25s"
    assert f"ended by   --time 25s: {ran(search)} of {ASKED} trials" in search.printed


@pytest.mark.slow
def test_resumed_it_has_nothing_left_until_it_gets_more_time(limited):
    search, _ = limited
    before, flags = search.summary, ["--resume", search.name, "--out", str(search.out)]
    status, printed = run_here(main, flags)
    assert (status, search.summary) == (0, before)
    assert f"--resume {search.name} --time 50s" in printed
    status, printed = run_here(main, [*flags, "--time", "40s"])
    assert (status, search.summary["status"]) == (0, "complete"), printed
    assert search.summary["ended_by"] == "--time 40s"
    assert ran(search) >= before["trials"]["completed"] + before["trials"]["pruned"]
    numbers = [each["number"] for each in search.configs()]
    assert len(numbers) == len(set(numbers))


@pytest.mark.slow
def test_patience_ends_the_trials_and_is_kept_by_a_search_that_is_resumed(small_search, tmp_path):
    search = small_search(tmp_path, "patient", "--trials", str(ASKED), "--patience", "2")
    assert (search.status, search.summary["status"]) == (0, "complete"), search.printed
    assert search.summary["ended_by"] == "--patience 2"
    assert 2 < ran(search) < ASKED
    again = small_search(tmp_path, "patient", resume=True)
    assert "--resume patient --patience 4" in again.printed

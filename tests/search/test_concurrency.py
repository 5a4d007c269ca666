"""How many trials run at once, as nodes and neighbours come and go."""

import json
import pickle

import pytest

from search.driver import concurrency
from search.driver.concurrency import REFRESH_SECONDS, Concurrency
from search.driver.resources import Machine, Resources
from search.request.request import Limits

ONE_CPU = Resources(1, 0.0, 4)
CLUSTER = Limits(address="auto")


@pytest.fixture
def nodes(monkeypatch):
    """The nodes of a cluster, to be changed, and a clock that has moved on at each look."""
    found, time = [Machine(2), Machine(2)], iter(range(0, 10_000, 2 * int(REFRESH_SECONDS)))
    monkeypatch.setattr(concurrency, "machines", lambda: found)
    monkeypatch.setattr(concurrency.time, "monotonic", lambda: next(time))
    return found


def stands(folder, status):
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps({"status": status}))
    return folder


def test_a_node_more_holds_more_trials_and_a_lost_one_fewer(nodes):
    most = Concurrency(CLUSTER, ONE_CPU)
    assert most.now() == 4
    nodes.append(Machine(3))
    assert most.now() == 7
    del nodes[1:]
    assert most.now() == 2


def test_with_no_node_left_a_trial_waits_for_one(nodes):
    nodes.clear()
    assert Concurrency(CLUSTER, ONE_CPU).now() == 1


def test_a_machine_of_ones_own_does_not_change(nodes):
    nodes.append(Machine(8))
    assert Concurrency(Limits(), ONE_CPU).now() == 4


def test_what_is_asked_for_stands_whatever_the_nodes(nodes):
    asked = Concurrency(Limits(address="auto", concurrency=9), Resources(1, 0.0, 9))
    assert asked.now() == 9


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], 4),
        (["running"], 2),
        (["running", "running"], 1),
        (["complete", "running"], 2),
        (["failed-trials", "interrupted"], 4),
        (["running"] * 9, 1),
    ],
)
def test_searches_side_by_side_share_and_leave_their_part(nodes, tmp_path, statuses, expected):
    beside = tuple(stands(tmp_path / str(i), status) for i, status in enumerate(statuses))
    assert Concurrency(CLUSTER, ONE_CPU, beside).now() == expected


def test_a_search_that_has_not_begun_has_its_part(nodes, tmp_path):
    assert Concurrency(CLUSTER, ONE_CPU, (tmp_path / "none",)).now() == 2


def test_what_is_asked_for_is_shared_too(nodes, tmp_path):
    asked = Limits(address="auto", concurrency=8)
    beside = (stands(tmp_path / "a", "running"),)
    assert Concurrency(asked, Resources(1, 0.0, 8), beside).now() == 4


def test_it_can_be_pickled_as_tune_does():
    most = Concurrency(CLUSTER, ONE_CPU)
    assert pickle.loads(pickle.dumps(most)) == most

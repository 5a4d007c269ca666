"""CPUs and GPUs of a trial."""

import pytest

from search.resources import Machine, Resources, allot, fitting
from trainables.boundary.errors import UsageError


@pytest.mark.parametrize(
    ("machine", "given", "expected"),
    [
        ((2, 0), {}, Resources(1, 0.0, 2)),
        ((8, 0), {}, Resources(1, 0.0, 8)),
        ((8, 0), {"concurrency": 1}, Resources(8, 0.0, 1)),
        ((8, 0), {"concurrency": 3}, Resources(2, 0.0, 3)),
        ((2, 0), {"concurrency": 9}, Resources(1, 0.0, 2)),
        ((8, 0), {"cpus": 4}, Resources(4, 0.0, 2)),
        ((16, 1), {}, Resources(16, 1.0, 1)),
        ((16, 1), {"gpus": 0.25}, Resources(4, 0.25, 4)),
        ((16, 4), {}, Resources(4, 1.0, 4)),
        ((16, 1), {"gpus": 0.0}, Resources(1, 0.0, 16)),
    ],
)
def test_trials_share_the_machine(machine, given, expected):
    assert allot([Machine(*machine)], **given) == expected


@pytest.mark.parametrize(
    ("given", "flag"), [({"cpus": 3}, "--cpus-per-trial 3"), ({"gpus": 1.0}, "--gpus-per-trial 1")]
)
def test_more_than_there_is_is_refused(given, flag):
    with pytest.raises(UsageError, match=flag):
        allot([Machine(2, 0)], **given)


@pytest.mark.parametrize(
    ("machines", "given", "expected"),
    [
        ([(3, 0), (3, 0)], {"cpus": 2}, Resources(2, 0.0, 2)),  # six CPUs, but no third pair
        ([(2, 0), (4, 0)], {}, Resources(1, 0.0, 6)),
        ([(8, 0), (8, 0)], {"concurrency": 2}, Resources(8, 0.0, 2)),
        ([(8, 0), (8, 0)], {"concurrency": 3}, Resources(4, 0.0, 3)),
        ([(4, 0), (16, 2)], {}, Resources(8, 1.0, 2)),  # those without a GPU take no part
        ([(16, 1), (16, 1)], {"gpus": 0.5}, Resources(8, 0.5, 4)),
    ],
)
def test_a_trial_runs_on_one_node(machines, given, expected):
    assert allot([Machine(*each) for each in machines], **given) == expected


def test_what_no_node_has_alone_is_refused():
    with pytest.raises(UsageError, match="--cpus-per-trial 5: no node has more than 4 CPUs"):
        allot([Machine(4), Machine(4)], cpus=5)


def test_a_node_more_holds_more_trials():
    assert fitting([Machine(4), Machine(2)], 2, 0.0) == 3

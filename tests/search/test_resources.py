"""CPUs and GPUs of a trial."""

import pytest

from search.resources import Resources, allot
from trainables.errors import UsageError


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
    assert allot(*machine, **given) == expected


@pytest.mark.parametrize(
    ("given", "flag"), [({"cpus": 3}, "--cpus-per-trial 3"), ({"gpus": 1.0}, "--gpus-per-trial 1")]
)
def test_more_than_there_is_is_refused(given, flag):
    with pytest.raises(UsageError, match=flag):
        allot(2, 0, **given)

from types import SimpleNamespace

import pytest
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, HyperBandForBOHB

from search.driver.free_workers import to_the_newest
from search.proposals.schedulers.none import TrainToTheEnd


def controller(*statuses: str) -> SimpleNamespace:
    trials = [SimpleNamespace(number=n, status=status) for n, status in enumerate(statuses)]
    return SimpleNamespace(get_trials=lambda: trials)


def test_the_newest_trial_that_waits_gets_a_free_worker_as_one_may_be_starting_for_others():
    scheduler = to_the_newest(TrainToTheEnd(4))
    waiting = controller(Trial.TERMINATED, Trial.PENDING, Trial.PENDING, Trial.RUNNING)
    assert scheduler.choose_trial_to_run(waiting).number == 2


@pytest.mark.parametrize("statuses", [(), (Trial.RUNNING, Trial.TERMINATED, Trial.ERROR)])
def test_where_none_waits_none_gets_it(statuses):
    assert to_the_newest(FIFOScheduler()).choose_trial_to_run(controller(*statuses)) is None


def test_a_scheduler_that_chooses_by_itself_still_does():
    scheduler = HyperBandForBOHB(metric="score", mode="max")
    assert "choose_trial_to_run" not in vars(to_the_newest(scheduler))

from types import SimpleNamespace

import pytest
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, HyperBandForBOHB

from search.driver.starting_workers import sparing_starting_workers

ENDED, RUNNING, WAITING = Trial.TERMINATED, Trial.RUNNING, Trial.PENDING


class MadeUpTrial:
    """A trial as far as Tune's scheduler looks at it."""

    def __init__(self, number: int, status: str) -> None:
        self.number, self.status = number, status


def chosen(*statuses: str, asked: tuple = (), starting: tuple = ()) -> int | None:
    """The trial that gets a free worker; for those ``asked`` a worker waits for room."""
    trials = [MadeUpTrial(number, status) for number, status in enumerate(statuses)]
    controller = SimpleNamespace(
        get_trials=lambda: trials,
        _trial_to_actor={trials[number]: number for number in (*asked, *starting)},
        _actor_manager=SimpleNamespace(is_actor_started=lambda worker: worker in starting),
    )
    scheduler = sparing_starting_workers(FIFOScheduler())
    trial = scheduler.choose_trial_to_run(SimpleNamespace(_tune_controller=controller))
    return None if trial is None else trial.number


def test_the_oldest_trial_that_waits_gets_a_free_worker():
    assert chosen(ENDED, RUNNING, WAITING, WAITING, asked=(2,)) == 2


def test_one_whose_own_worker_is_starting_does_not():
    assert chosen(ENDED, RUNNING, WAITING, WAITING, starting=(2,)) == 3


@pytest.mark.parametrize(
    ("statuses", "starting"), [((), ()), ((RUNNING, ENDED), ()), ((RUNNING, WAITING), (1,))]
)
def test_where_no_other_waits_none_gets_it(statuses, starting):
    assert chosen(*statuses, starting=starting) is None


def test_a_scheduler_that_chooses_by_itself_still_does():
    scheduler = HyperBandForBOHB(metric="score", mode="max")
    assert "choose_trial_to_run" not in vars(sparing_starting_workers(scheduler))

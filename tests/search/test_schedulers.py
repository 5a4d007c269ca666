"""What holds of every scheduler that is found by the name of its file, and which trials each stops.

A played search hands a scheduler the epochs of its trials one by one, as Tune does.
"""

import math
import pickle
import statistics
from collections import defaultdict
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import spec
from ray import cloudpickle
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from search.proposals import schedulers
from search.proposals.protocols import milestones
from search.proposals.recalling import recall
from search.space.budget import Budget
from search.trials.failure import FAILED
from search.trials.files import TrialHistory
from search.trials.record import Status, TrialRecord
from trainables.boundary.errors import UsageError
from trainables.seeding import derive

STOP, CONTINUE = TrialScheduler.STOP, TrialScheduler.CONTINUE
BUDGET = Budget(trials=12, epochs=9, grace_epochs=1, reduction_factor=3)
SEED = 5
EVERY = pytest.mark.parametrize("name", schedulers.available())
STOPPING = pytest.mark.parametrize("name", [n for n in schedulers.available() if n != "none"])


def made(name: str, seed: int = SEED, **options: Any) -> Any:
    return schedulers.create(name, BUDGET, seed, options)


class EveryEpoch(FIFOScheduler):
    """A user's own: it decides at each epoch, and does not say so."""

    def on_trial_result(self, tune_controller, trial, result) -> str:
        whole = result["epoch"] == BUDGET.epochs
        return STOP if whole or FAILED in result or result["val_accuracy"] < 0.2 else CONTINUE

    def recall(self, histories: list[TrialHistory]) -> set[str]:
        return recall(self, histories)


OWN = "one of a user's own"
EVERY_AND_OWN = pytest.mark.parametrize("name", [*schedulers.available(), OWN])


def made_or_own(name: str) -> Any:
    return EveryEpoch() if name == OWN else made(name)


@dataclass(frozen=True)
class Curve:
    """What a trial reports, an accuracy an epoch; after ``fails`` epochs it fails."""

    accuracies: tuple[float, ...]
    guessed: bool = False
    fails: int | None = None


@dataclass
class Played:
    """A search under way: each trial's epochs, how it stands, and when what happened.

    The scheduler does not hear of the epochs in ``waiting``: they travel with a later report.
    """

    scheduler: Any
    curves: list[Curve]
    epochs: dict[int, int] = field(default_factory=dict)
    status: dict[int, Status] = field(default_factory=dict)
    at: dict[tuple[int, int], float] = field(default_factory=dict)
    decisions: list[tuple[int, int, str]] = field(default_factory=list)
    clock: float = 0.0
    waiting: frozenset[tuple[int, int]] = frozenset()

    def trial(self, number: int) -> SimpleNamespace:
        config = {"number": number, "values": {}, "guessed": self.curves[number].guessed}
        return SimpleNamespace(trial_id=str(number), config=config)

    def play(self, order: list[int]) -> "Played":
        for number in order:
            if self.status.get(number, Status.RUNNING) is Status.RUNNING:
                self.step(number)
        return self

    def step(self, number: int) -> None:
        curve, trial = self.curves[number], self.trial(number)
        if number not in self.status:
            self.scheduler.on_trial_add(None, trial)
            self.status[number], self.epochs[number] = Status.RUNNING, 0
        self.clock += 1
        if curve.fails == self.epochs[number]:
            result = {"epoch": 0, "val_accuracy": math.nan, FAILED: "it broke"}
            assert self.scheduler.on_trial_result(None, trial, result) in (STOP, CONTINUE)
            self.end(number, Status.FAILED, result)
            return
        self.epochs[number] += 1
        epoch = self.epochs[number]
        self.at[number, epoch] = self.clock
        if (number, epoch) in self.waiting:
            return
        result = {"epoch": epoch, "val_accuracy": curve.accuracies[epoch - 1]}
        decision = self.scheduler.on_trial_result(None, trial, result)
        self.decisions.append((number, epoch, decision))
        whole = epoch == BUDGET.epochs
        if decision == STOP or whole:
            self.end(number, Status.COMPLETED if whole else Status.PRUNED, result)

    def end(self, number: int, status: Status, result: dict[str, Any]) -> None:
        self.status[number] = status
        self.at[number, -1] = self.clock
        self.scheduler.on_trial_complete(None, self.trial(number), result)

    def histories(self) -> list[TrialHistory]:
        return [self.history(number) for number in self.status]

    def history(self, number: int) -> TrialHistory:
        curve = self.curves[number]
        steps = [TrialRecord(spec(number, guessed=curve.guessed), str(number))]
        for epoch in range(1, self.epochs[number] + 1):
            figures = {"val_accuracy": curve.accuracies[epoch - 1]}
            steps.append(steps[-1].after(epoch, figures, self.at[number, epoch]))
        at = self.at.get((number, -1), steps[-1].at)
        return TrialHistory(replace(steps[-1], status=self.status[number], at=at), tuple(steps[1:]))


def of(*accuracies: float, **more: Any) -> Curve:
    """A trial that begins with these accuracies, and keeps the last of them."""
    rest = (accuracies[-1],) * (BUDGET.epochs - len(accuracies))
    return Curve((*accuracies, *rest), **more)


def in_turn(count: int) -> list[int]:
    """One trial after the other, to its end."""
    return [number for number in range(count) for _ in range(BUDGET.epochs + 1)]


def stopped(played: Played) -> dict[int, int]:
    """Trials that did not come to their last epoch, with the last that they had."""
    return {n: played.epochs[n] for n, s in played.status.items() if s is Status.PRUNED}


@EVERY
def test_the_baseline_is_never_stopped_before_its_last_epoch(name):
    curves = [of(0.1), *[of(0.9)] * 6]
    played = Played(made(name), curves).play([*range(1, 7)] * 9 + [0] * 9)
    own = [(epoch, decision) for number, epoch, decision in played.decisions if number == 0]
    assert [epoch for epoch, _ in own] == list(range(1, 10))
    assert {decision for _, decision in own[:-1]} == {CONTINUE}


@EVERY
def test_a_trial_better_than_all_others_is_not_stopped(name):
    curves = [of(0.2 + 0.01 * number) for number in range(12)]
    assert stopped(Played(made(name), curves).play(in_turn(12))) == {}


@STOPPING
def test_a_trial_worse_than_all_others_is_stopped(name):
    curves = [of(0.9 - 0.01 * number) for number in range(12)]
    assert 11 in stopped(
        Played(made(name, brackets=1) if name == "hyperband" else made(name), curves).play(
            in_turn(12)
        )
    )


def test_none_stops_no_trial():
    curves = [of(0.9 - 0.01 * number) for number in range(12)]
    assert stopped(Played(made("none"), curves).play(in_turn(12))) == {}


@STOPPING
def test_a_guess_is_not_stopped(name):
    others = [of(0.9 - 0.001 * n) for n in range(6)]
    assert 6 not in stopped(Played(made(name), [*others, of(0.3, guessed=True)]).play(in_turn(7)))


@EVERY
def test_a_trial_that_reports_its_failure_is_not_heard_of_again(name):
    """Without the failed ones' accuracies, which are above all others, nothing is stopped."""
    curves = [of(0.1), *[of(0.9, fails=4)] * 6, *[of(0.2 + 0.01 * n) for n in range(4)]]
    assert stopped(Played(made(name), curves).play(in_turn(11))) == {}


@EVERY
def test_a_trial_whose_worker_died_once_too_often_is_not_heard_of_again(name):
    played = Played(made(name), [of(0.1), *[of(0.9)] * 6, *[of(0.2 + 0.01 * n) for n in range(4)]])
    played.play([number for number in range(1, 7) for _ in range(4)])
    for number in range(1, 7):
        played.scheduler.on_trial_error(None, played.trial(number))
        played.status[number] = Status.FAILED
    assert stopped(played.play(in_turn(11))) == {}


curves = st.builds(
    Curve,
    st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]), min_size=9, max_size=9).map(
        tuple
    ),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([None, None, None, 1, 4]),
)
searches = st.lists(curves, min_size=12, max_size=12)
orders = st.permutations([number for number in range(12) for _ in range(10)])


@EVERY
@given(searches, orders, st.integers(0, 100))
def test_a_killed_search_decides_as_the_unbroken_one(name, curves, order, killed):
    whole = Played(made(name), curves).play(order)
    first = Played(made(name), curves).play(order[:killed])
    again = replace(first, scheduler=made(name), decisions=[*first.decisions])
    assert again.scheduler.recall(again.histories()) >= set()
    for number, status in again.status.items():
        if status is Status.RUNNING:
            again.scheduler.on_trial_add(None, again.trial(number))
    assert again.play(order[killed:]).decisions == whole.decisions


@EVERY
@given(searches, orders, st.integers(1, 100))
def test_a_recall_names_the_trials_that_would_have_been_stopped(name, curves, order, killed):
    """The driver died between the last decision and its record."""
    played = Played(made(name), curves).play(order[:killed])
    ends = {str(n) for n, s in played.status.items() if s in (Status.PRUNED, Status.COMPLETED)}
    for number in map(int, ends):
        played.status[number] = Status.RUNNING
    assert made(name).recall(played.histories()) == ends


@EVERY
@given(searches, orders, st.integers(0, 100))
def test_a_trial_that_is_tried_again_changes_nothing(name, curves, order, at):
    """Its worker died: it goes on from its checkpoint, and reports an epoch a second time."""
    whole, broken = (Played(made(name), curves) for _ in range(2))
    broken.play(order[:at])
    for number in [n for n, s in broken.status.items() if s is Status.RUNNING]:
        trial, epoch = broken.trial(number), broken.epochs[number]
        broken.scheduler.on_trial_error(None, trial)
        broken.scheduler.on_trial_add(None, trial)
        if epoch:
            accuracy = broken.curves[number].accuracies[epoch - 1]
            result = {"epoch": epoch, "val_accuracy": accuracy}
            assert broken.scheduler.on_trial_result(None, trial, result) == CONTINUE
    assert broken.play(order[at:]).decisions == whole.play(order).decisions


epochs_of_trials = st.frozensets(st.tuples(st.integers(0, 11), st.integers(1, 8)), min_size=20)


def between(scheduler: Any, drawn: frozenset[tuple[int, int]]) -> frozenset[tuple[int, int]]:
    """Of the drawn epochs those that need not be reported by themselves."""
    decisive = milestones(scheduler, BUDGET.epochs)
    return frozenset(each for each in drawn if each[1] not in decisive)


@EVERY_AND_OWN
@given(searches, orders, epochs_of_trials)
def test_whatever_is_reported_between_its_milestones_the_same_trials_are_stopped(
    name, curves, order, drawn
):
    whole = Played(made_or_own(name), curves).play(order)
    some = Played(made_or_own(name), curves, waiting=between(made_or_own(name), drawn)).play(order)
    assert some.epochs == whole.epochs
    assert some.status == whole.status


@EVERY_AND_OWN
@given(searches, orders, epochs_of_trials, st.integers(0, 100))
def test_a_killed_search_that_reported_its_milestones_alone_decides_as_the_unbroken_one(
    name, curves, order, drawn, killed
):
    """Its record holds every epoch, and the scheduler then hears of each."""
    waiting = between(made_or_own(name), drawn)
    whole = Played(made_or_own(name), curves, waiting=waiting).play(order)
    first = Played(made_or_own(name), curves, waiting=waiting).play(order[:killed])
    again = replace(first, scheduler=made_or_own(name))
    again.scheduler.recall(again.histories())
    for number, status in again.status.items():
        if status is Status.RUNNING:
            again.scheduler.on_trial_add(None, again.trial(number))
    again.play(order[killed:])
    assert (again.epochs, again.status) == (whole.epochs, whole.status)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("asha", {1, 3, 9}),
        ("hyperband", {1, 3, 9}),
        ("median", {*range(1, 10)}),
        ("none", {9}),
        (OWN, {*range(1, 10)}),
    ],
)
def test_the_epochs_at_which_a_scheduler_decides(name, expected):
    assert milestones(made_or_own(name), BUDGET.epochs) == expected


@EVERY
def test_a_scheduler_that_decides_in_a_method_of_its_own_hears_of_every_epoch(name):
    """As whoever derives it from one of these expects."""

    class Derived(type(made(name))):
        def on_trial_result(self, tune_controller, trial, result):
            return STOP

    derived = made(name)
    derived.__class__ = Derived
    assert milestones(derived, BUDGET.epochs) == {*range(1, 10)}


def test_the_rungs_of_a_budget_that_is_no_power_of_the_factor():
    budget = Budget(trials=9, epochs=20, grace_epochs=2, reduction_factor=3)
    assert milestones(schedulers.create("asha", budget), 20) == {2, 6, 18, 20}


def test_a_grace_beyond_the_epochs_leaves_the_last_alone():
    budget = Budget(trials=9, epochs=2, grace_epochs=5)
    for name in ("asha", "hyperband"):
        assert milestones(schedulers.create(name, budget), 2) == {2}


@EVERY
@given(searches, orders)
def test_no_trial_goes_beyond_its_last_epoch(name, curves, order):
    played = Played(made(name), curves).play(order)
    assert max(played.epochs.values()) <= BUDGET.epochs
    whole = {str(n) for n, s in played.status.items() if s is Status.COMPLETED}
    assert made(name).recall(played.histories()) >= whole


@EVERY
def test_a_recall_of_a_search_that_has_not_begun_names_no_trial(name):
    assert made(name).recall([]) == set()


def random_search(seed: int) -> tuple[list[Curve], list[int]]:
    draw = np.random.default_rng(seed)
    drawn = [Curve(tuple(draw.random(9)), bool(draw.random() < 0.1)) for _ in range(40)]
    return drawn, list(draw.permutation(np.repeat(np.arange(40), 9)))


@EVERY
def test_the_same_search_is_decided_the_same_whatever_numpys_global_generator_does(name):
    curves, order = random_search(0)
    told = []
    for seed in (1, 2):
        np.random.seed(seed)
        before = np.random.get_state()[1].copy()
        told.append(Played(made(name), curves).play(order).decisions)
        assert (np.random.get_state()[1] == before).all()
    assert told[0] == told[1]


@EVERY
@pytest.mark.parametrize("library", [pickle, cloudpickle])
def test_a_copy_by_pickle_decides_as_the_original(name, library):
    curves, order = random_search(1)
    played = Played(made(name), curves).play(order[:150])
    copy = pickle.loads(library.dumps(played))
    assert copy.play(order[150:]).decisions == played.play(order[150:]).decisions


def halved(curves: list[Curve], order: list[int], brackets: int, seed: int) -> dict[int, int]:
    """Successive halving a bracket, by a slow loop: who is stopped, and after which epoch."""
    rungs: dict[tuple, list[float]] = defaultdict(list)
    shares = [math.exp(-each) for each in range(brackets)]
    epochs, ends = defaultdict(int), {}
    for number in order:
        if number in ends or epochs[number] == BUDGET.epochs:
            continue
        epochs[number] += 1
        draw, bracket = derive(seed, "bracket", number) / 2**63 * sum(shares), 0
        while brackets > 1 and draw > sum(shares[: bracket + 1]):
            bracket += 1
        if epochs[number] in (1, 3)[bracket:]:
            rung = rungs[bracket, epochs[number]]
            accuracy = curves[number].accuracies[epochs[number] - 1]
            if (
                rung
                and accuracy < quantile(rung, 2 / 3)
                and number > 0
                and not curves[number].guessed
            ):
                ends[number] = epochs[number]
            rung.append(accuracy)
    return ends


def quantile(values: list[float], share: float) -> float:
    """Between the two nearest of the sorted values, in proportion."""
    ordered, place = sorted(values), share * (len(values) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (place - math.floor(place)) * (high - low)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("name", "brackets"), [("asha", 1), ("hyperband", 2), ("hyperband", 3)])
def test_halving_stops_whom_a_slow_loop_stops(name, brackets, seed):
    curves, order = random_search(seed)
    options = {"brackets": brackets} if name == "hyperband" else {}
    expected = halved(curves, order, brackets, seed)
    assert len(expected) > 10
    assert stopped(Played(made(name, seed, **options), curves).play(order)) == expected


def test_brackets_beyond_the_one_that_stops_nothing_are_left_out():
    curves, order = random_search(7)
    three, many = (Played(made("hyperband", brackets=n), curves).play(order) for n in (3, 30))
    assert three.decisions == many.decisions


def test_hyperband_draws_other_brackets_from_another_seed():
    curves, order = random_search(7)
    one, other = (Played(made("hyperband", seed), curves).play(order) for seed in (1, 2))
    assert stopped(one) != stopped(other)


def below_median(curves: list[Curve], order: list[int], grace: int, samples: int) -> dict[int, int]:
    """The median rule by a slow loop: who is stopped, and after which epoch."""
    epochs, ends = defaultdict(int), {}
    for number in order:
        if number in ends or epochs[number] == BUDGET.epochs:
            continue
        epochs[number] += 1
        now, others = epochs[number], [n for n in epochs if n != number]
        means = [
            statistics.fmean(curves[n].accuracies[grace - 1 : now])
            for n in others
            if epochs[n] >= now >= grace
        ]
        best = max(curves[number].accuracies[:now])
        enough = now >= grace and len(means) >= samples
        exempt = number == 0 or curves[number].guessed or now == BUDGET.epochs
        if enough and best < statistics.median(means) and not exempt:
            ends[number] = now
    return ends


def slowly_learnt(seed: int) -> tuple[list[Curve], list[int]]:
    """Curves that rise to levels of their own: of a random one the best is never below a mean."""
    _, order = random_search(seed)
    draw = np.random.default_rng(seed)
    epochs, levels = np.arange(1, 10), draw.random(40)
    return [
        Curve(tuple(level * epochs / 9 + draw.normal(0, 0.01, 9)), bool(draw.random() < 0.1))
        for level in levels
    ], order


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("grace", "samples"), [(1, 3), (3, 1), (2, 5)])
def test_median_stops_whom_a_slow_loop_stops(grace, samples, seed):
    curves, order = slowly_learnt(seed)
    expected = below_median(curves, order, grace, samples)
    assert len(expected) > 10
    budget = BUDGET.model_copy(update={"grace_epochs": grace})
    scheduler = schedulers.create("median", budget, seed, {"min_samples": samples})
    assert stopped(Played(scheduler, curves).play(order)) == expected


REFUSED = [
    ("ashaa", {}, r"scheduler 'ashaa' does not exist; did you mean asha\?"),
    ("never", {}, "scheduler 'never' does not exist; choose one of asha, hyperband, median, none"),
    ("asha", {"grace_epoch": 1}, "scheduler.asha.grace_epoch: unknown key; did you mean grace_"),
    ("asha", {"brackets": 2}, "unknown key; the keys here are grace_epochs, reduction_factor"),
    ("asha", {"grace_epochs": 0}, "scheduler.asha.grace_epochs must be at least 1, not 0"),
    ("asha", {"reduction_factor": 1}, "reduction_factor must be at least 2, not 1"),
    ("asha", {"grace_epochs": "5"}, "must be of type int, not '5'; write it without quotes"),
    ("median", {"reduction_factor": 3}, "the keys here are grace_epochs, min_samples"),
    ("hyperband", {"brackets": 1.5}, "scheduler.hyperband.brackets must be of type int"),
    ("none", {"grace_epochs": 3}, "scheduler: none takes no options; leave out grace_epochs"),
]


@pytest.mark.parametrize(("name", "options", "message"), REFUSED)
def test_what_a_scheduler_does_not_know_is_refused(name, options, message):
    with pytest.raises(UsageError, match=message):
        schedulers.check(name, options)

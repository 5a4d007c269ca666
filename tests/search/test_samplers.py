"""What holds of every sampler that is found by the name of its file."""

import pickle
from dataclasses import dataclass, field
from functools import cache
from statistics import NormalDist

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from search.proposals.explore import samplers
from search.proposals.samplers import gp
from search.proposals.study import MAX_TRIALS, BoundedStudy
from trainables.boundary.errors import UsageError
from trainables.seeding import derive

STARTUP, WORKERS, EPOCHS = 6, 4, 4
ENDS = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.PRUNED, TrialState.FAIL)


def space(trial: optuna.Trial) -> dict:
    """Keys of each kind, one of them under a choice alone."""
    values = {
        "lr": trial.suggest_float("lr", 1e-4, 1.0, log=True),
        "depth": trial.suggest_int("depth", 1, 5),
        "optimizer": trial.suggest_categorical("optimizer", ["adam", "sgd"]),
        "flip": trial.suggest_categorical("flip", [False, True]),
        "only": trial.suggest_categorical("only", ["one"]),
    }
    if values["optimizer"] == "sgd":
        values["optimizer.sgd.momentum"] = trial.suggest_float("optimizer.sgd.momentum", 0, 0.99)
    return values


def merit(values: dict) -> float:
    momentum = values.get("optimizer.sgd.momentum", 0.5)
    return 1 - (values["lr"] - 0.1) ** 2 - 0.02 * abs(values["depth"] - 3) - 0.1 * momentum


@dataclass
class Search:
    """A search of four workers, whose trials end in another order than they began."""

    sampler: str
    seed: int = 3
    points: list[dict] = field(default_factory=list)
    constrained: bool = False

    def __post_init__(self) -> None:
        self.study = BoundedStudy(self.seed, STARTUP, self.points, sampler=self.sampler)
        self.drawn: list[dict] = []
        self.ended: set[int] = set()

    def run(self, trials: int) -> "Search":
        while len(self.drawn) < trials:
            self.begin()
            running = [n for n in range(len(self.drawn)) if n not in self.ended]
            if len(running) == WORKERS:
                self.end(running[-1 if len(self.drawn) % 3 == 0 else 0])
        return self

    def begin(self) -> None:
        number, trial = self.study.ask()
        assert number == len(self.drawn)
        self.drawn.append(space(trial))

    def end(self, number: int) -> None:
        state = ENDS[number % len(ENDS)]
        for epoch in range(1, 1 + (EPOCHS if state == TrialState.COMPLETE else 2)):
            self.study.report(number, epoch, merit(self.drawn[number]) - 0.5 / epoch)
        if self.constrained:
            self.study.constrain(number, {"depth": self.drawn[number]["depth"] - 2.0})
        value = max(self.study.reported(number).values())
        self.study.tell(number, state, value if state == TrialState.COMPLETE else None)
        self.ended.add(number)

    def resumed(self) -> "Search":
        """A search that learns of this one's trials, in their order, after the driver died."""
        other = Search(self.sampler, self.seed, self.points, self.constrained)
        for number, values in enumerate(self.drawn):
            other.drawn.append(space(other.study.ask_for(number, values)))
            if number in self.ended:
                other.end(number)
        return other


@cache
def drawn(sampler: str, seed: int, constrained: bool) -> list[dict]:
    """The settings of thirty trials."""
    return Search(sampler, seed, constrained=constrained).run(30).drawn


every_sampler = pytest.mark.parametrize("sampler", samplers.available())


@every_sampler
def test_a_sampler_draws_the_same_from_the_same_seed(sampler):
    assert Search(sampler).run(24).drawn == Search(sampler).run(24).drawn


@every_sampler
def test_a_sampler_draws_something_else_from_another_seed(sampler):
    assert Search(sampler, 3).run(8).drawn != Search(sampler, 4).run(8).drawn


@every_sampler
@pytest.mark.parametrize("trials", [3, 11, 18])
@pytest.mark.parametrize("constrained", [False, True])
def test_a_sampler_that_is_resumed_draws_what_it_would_have_drawn(sampler, trials, constrained):
    search = Search(sampler, constrained=constrained).run(trials)
    resumed = search.resumed()
    assert resumed.drawn == search.drawn
    assert resumed.run(trials + 3).drawn == search.run(trials + 3).drawn


@every_sampler
def test_a_sampler_leaves_numpys_and_torchs_generators_as_they_are(sampler):
    import torch

    before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    Search(sampler).run(12)
    assert (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before


@every_sampler
def test_a_key_under_a_choice_is_drawn_where_it_exists_alone(sampler):
    for values in Search(sampler).run(24).drawn:
        exists = values["optimizer"] == "sgd"
        assert ("optimizer.sgd.momentum" in values) is exists


@every_sampler
def test_points_come_first_and_what_they_lack_is_drawn(sampler):
    first, second = {"lr": 0.5, "depth": 1, "optimizer": "adam", "flip": True}, {"lr": 0.25}
    drawn = Search(sampler, points=[first, second]).run(12).drawn
    assert first.items() <= drawn[0].items()
    assert second.items() <= drawn[1].items()
    assert drawn[1].keys() >= first.keys()


@every_sampler
def test_a_range_of_more_whole_numbers_than_memory_holds_is_searched(sampler):
    study, drawn = BoundedStudy(1, 4, [], sampler=sampler), []
    for number in range(8):
        trial = study.ask()[1]
        drawn.append((trial.suggest_int("wide", 0, 2**62), trial.suggest_float("x", 0, 1)))
        study.report(number, 1, 0.1 * number)
        study.tell(number, TrialState.COMPLETE, 0.1 * number)
    assert len(set(drawn)) == 8


@every_sampler
def test_a_search_whose_trials_all_fail_goes_on(sampler):
    search = Search(sampler)
    for number in range(20):
        search.begin()
        search.study.tell(number, TrialState.FAIL)
    assert len({values["lr"] for values in search.drawn}) == 20


@every_sampler
def test_a_search_whose_trials_are_all_alike_goes_on(sampler):
    search = Search(sampler)
    for number in range(14):
        search.begin()
        search.study.report(number, 1, 0.1)
        search.study.tell(number, TrialState.COMPLETE, 0.1)
    assert len({values["lr"] for values in search.drawn}) > 7


@pytest.mark.parametrize("sampler", sorted(set(samplers.available()) - {"random"}))
def test_a_sampler_that_learns_finds_better_settings_than_at_random(sampler):
    seeds = range(4 if sampler == "gp" else 6)  # a process takes its time

    def mean(name: str) -> float:
        return sum(max(map(merit, drawn(name, seed, False))) for seed in seeds) / len(seeds)

    assert mean(sampler) > mean("random") + 0.005


@pytest.mark.parametrize("sampler", sorted(set(samplers.available()) - {"random"}))
def test_a_sampler_that_learns_keeps_to_constraints(sampler):
    """Depths of 3 would be the best, but break a bound that 1 and 2 hold."""

    def share(constrained: bool) -> float:
        depths = [v["depth"] for n in range(4) for v in drawn(sampler, n, constrained)[15:]]
        return sum(depth <= 2 for depth in depths) / len(depths)

    assert share(True) > share(False) + 0.2


@every_sampler
def test_a_thousand_trials_hold_no_more_than_the_bound(sampler, monkeypatch):
    monkeypatch.setattr(gp, "MOST_TRIALS", 30)  # up to which its draws take long
    search, sizes = Search(sampler), []
    for number in range(1000):
        search.begin()
        search.end(number)
        if number % 100 == 99:
            sizes.append(len(pickle.dumps(search.study)))
    assert len(search.study.study.trials) <= MAX_TRIALS
    assert sizes[-1] < 1.1 * max(sizes[:6])


def process_study(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    return optuna.create_study(sampler=sampler, direction="maximize")


def test_over_whole_trials_the_process_draws_as_optunas_own_on_their_normal_scores():
    """Pins what is called of Optuna: the same process, prior and seed, on values made by hand."""
    ours, theirs = gp.create(0, 4), optuna.samplers.GPSampler(n_startup_trials=4)
    theirs._log_prior = ours._log_prior
    draw = np.random.default_rng(0)
    points = [
        {"x": float(x), "kind": str(k)} for x, k in zip(draw.random(8), "abababab", strict=True)
    ]
    distributions = {
        "x": optuna.distributions.FloatDistribution(0, 1),
        "kind": optuna.distributions.CategoricalDistribution(["a", "b"]),
    }
    accuracies = draw.permutation(8) / 10
    scores = [NormalDist().inv_cdf((rank + 0.5) / 8) for rank in accuracies * 10]
    drawn = []
    for sampler, values in ((ours, accuracies), (theirs, scores)):
        study = process_study(sampler)
        for point, value in sorted(
            zip(points, values, strict=True), key=lambda each: str(each[0]["kind"])
        ):
            study.add_trial(
                optuna.trial.create_trial(
                    params=point,
                    distributions=distributions,
                    value=float(value),
                    intermediate_values={1: float(value)},
                )
            )
        ours.begin(3, 8)
        theirs._rng.rng.seed(derive(3, "process", 8) % 2**32)
        trial = study.ask()
        drawn.append((trial.suggest_float("x", 0, 1), trial.suggest_categorical("kind", "ab")))
    assert drawn[0] == pytest.approx(drawn[1])


@pytest.mark.parametrize("state", [TrialState.PRUNED, TrialState.COMPLETE])
def test_the_process_learns_from_stopped_trials_as_from_whole_ones(state):
    study = BoundedStudy(1, 4, [], sampler="gp")
    for _ in range(14):
        number, trial = study.ask()
        x = trial.suggest_float("x", 0, 1)
        study.report(number, 1, -((x - 0.3) ** 2))
        study.tell(number, state, -((x - 0.3) ** 2) if state == TrialState.COMPLETE else None)
    assert min(abs(each.params["x"] - 0.3) for each in study.study.trials[4:]) < 0.01


def test_the_process_leaves_a_region_where_trials_fail():
    study, failed = BoundedStudy(1, 4, [], sampler="gp"), 0
    for turn in range(24):
        number, trial = study.ask()
        x = trial.suggest_float("x", 0, 1)
        if x > 0.5:
            failed += turn >= 12
            study.tell(number, TrialState.FAIL)
        else:
            study.report(number, 1, x)
            study.tell(number, TrialState.COMPLETE, x)
    assert failed <= 6


def test_beyond_its_bound_the_process_leaves_all_keys_to_tpe_and_sorts_no_trials(monkeypatch):
    monkeypatch.setattr(gp, "MOST_TRIALS", 12)
    monkeypatch.setattr(gp, "_trials", None)  # it sorts them, which takes 4 ms
    studies = [BoundedStudy(1, 4, [], sampler=name) for name in ("gp", "tpe")]
    drawn = []
    for study in studies:
        for point in np.random.default_rng(0).random(13):
            trial = study.ask_for(study._next, {"x": float(point)})
            trial.suggest_float("x", 0, 1)
            study.report(study._next, 1, point)
            study.tell(study._next, TrialState.COMPLETE, point)
            study._next += 1
        drawn.append(study.ask()[1].suggest_float("x", 0, 1))
    assert drawn[0] == drawn[1]


def test_a_sampler_that_does_not_exist_is_refused_with_the_names_of_the_others():
    with pytest.raises(UsageError, match=r"'none' does not exist; choose one of gp, random, tpe"):
        samplers.check("none")

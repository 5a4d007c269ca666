"""What the real Tune makes of trials whose curves are known: none is trained."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import replayed_trial
from conftest import FinishedSearch
from mlflow import MlflowClient
from ray import cloudpickle
from replayed_trial import FAILING, accuracies, replayed

from search.proposals.schedulers.asha import AshaScheduler
from search.proposals.searcher import OptunaSearcher

TRIALS, EPOCHS, FINALISTS, SEEDS = 12, 8, 2, 2
FLAGS = ("--trials", str(TRIALS), "--epochs", str(EPOCHS), "--set", "schedule=cosine")
FLAGS += ("--finalists", str(FINALISTS), "--finalist-seeds", str(SEEDS), "--seed", "1")
FLAGS += ("--concurrency", "2", "--cpus-per-trial", "1")


heard: set[str] = set()  # ids of the trials whose events reached the searcher or a ladder


def listen(patch: pytest.MonkeyPatch, kind: type, name: str) -> None:
    """Have a method note the trial, or the trial's id, that it is called with."""
    method = getattr(kind, name)

    def noted(self, *arguments, **named):
        ids = (getattr(each, "trial_id", each) for each in (*arguments, *named.values()))
        heard.update(each for each in ids if isinstance(each, str))
        return method(self, *arguments, **named)

    patch.setattr(kind, name, noted)


@pytest.fixture(scope="module")
def replaying(
    small_search: Callable[..., FinishedSearch],
) -> Iterator[Callable[..., FinishedSearch]]:
    cloudpickle.register_pickle_by_value(replayed_trial)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("search.driver.engine.trainable", replayed)
        for kind in (OptunaSearcher, AshaScheduler):
            listen(patch, kind, "on_trial_result")
            listen(patch, kind, "on_trial_complete")
        yield small_search
    cloudpickle.unregister_pickle_by_value(replayed_trial)


@pytest.fixture(scope="module")
def searched(replaying, tmp_path_factory) -> FinishedSearch:
    """With finals, under a constraint, and with a trial that fails."""
    return replaying(tmp_path_factory.mktemp("replayed"), "replayed", *FLAGS)


def trainings(search: FinishedSearch) -> dict[int, list[dict]]:
    """What every training reported, by its number."""
    pairs = zip(search.configs(), search.histories(), strict=True)
    return {config["number"]: [e for e in rows if e["epoch"]] for config, rows in pairs}


def test_every_trial_and_every_epoch_is_there_once(searched):
    assert searched.status == 3, searched.printed
    found = trainings(searched)
    assert sorted(found) == list(range(TRIALS + FINALISTS * SEEDS))
    for number, rows in found.items():
        curve = accuracies(number, EPOCHS)
        assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))
        assert [row["val_accuracy"] for row in rows] == curve[: len(rows)]


def test_the_trial_that_fails_is_the_only_one(searched):
    assert searched.summary["trials"]["failed"] == 1
    assert len(trainings(searched)[FAILING]) == 1
    assert "failed: ArithmeticError: the loss became nan" in searched.printed


def test_the_baseline_is_not_stopped_and_some_others_are(searched):
    lengths = {number: len(rows) for number, rows in trainings(searched).items()}
    stopped = {n for n, epochs in lengths.items() if n < TRIALS and epochs < EPOCHS} - {FAILING}
    assert lengths[0] == EPOCHS
    assert stopped
    assert searched.summary["trials"]["pruned"] == len(stopped)


def test_the_finalists_are_the_best_of_the_whole_trials(searched):
    found = trainings(searched)
    whole = [n for n in range(TRIALS) if len(found[n]) == EPOCHS]
    best = sorted(whole, key=lambda n: -accuracies(n, EPOCHS)[-1])[:FINALISTS]
    repeats = [config["repeats"] for config in searched.configs()[TRIALS:]]
    assert repeats == best * SEEDS
    assert all(len(found[n]) == EPOCHS for n in range(TRIALS, TRIALS + FINALISTS * SEEDS))


def statuses(search: FinishedSearch) -> list[dict]:
    """How each training stands, by its number."""
    files = sorted((search.out / search.name).glob("trial-*/status.json"))
    return [json.loads(file.read_text()) for file in files]


def test_the_finals_begin_once_all_trials_have_ended(searched):
    found = statuses(searched)
    begun = [each["started"] for each in found[TRIALS:]]
    assert min(begun) >= max(each["changed"] for each in found[:TRIALS])


def test_nothing_of_the_finals_reaches_searcher_or_ladder(searched):
    ids = [each["trial_id"] for each in statuses(searched)]
    assert heard & set(ids) == set(ids[:TRIALS])


def recorded(search: FinishedSearch) -> dict[int, list[tuple[int, float]]]:
    """Every training's curve in MLflow."""
    client = MlflowClient(search.uri)
    ids = [each.experiment_id for each in client.search_experiments()]
    runs = client.search_runs(ids, "attributes.status != 'RUNNING'")
    curves = {}
    for run in runs:
        if "trial" in run.data.params:
            points = client.get_metric_history(run.info.run_id, "val_accuracy")
            number = int(run.data.params["trial"])
            assert number not in curves
            curves[number] = sorted((point.step, point.value) for point in points)
    return curves


def curves_of(search: FinishedSearch) -> dict[int, list[tuple[int, float]]]:
    return {
        number: [(row["epoch"], row["val_accuracy"]) for row in rows]
        for number, rows in trainings(search).items()
    }


def test_mlflow_holds_every_epoch_of_every_training_once(searched):
    assert recorded(searched) == curves_of(searched)


@pytest.fixture(scope="module")
def resumed(replaying, searched, tmp_path_factory) -> Callable[[int], FinishedSearch]:
    """A search that was cut off and resumed.

    Of so many trainings that had begun, the last had handed over its first epoch.
    """

    @cache
    def resume(left: int) -> FinishedSearch:
        out = tmp_path_factory.mktemp("resumed")
        cut_off(searched, out, left)
        return replaying(out, "replayed", resume=True)

    return resume


@pytest.mark.parametrize("left", [7, TRIALS + 2])
def test_a_search_that_is_resumed_trains_what_is_left_and_nothing_twice(resumed, searched, left):
    again = resumed(left)
    assert again.status == searched.status, again.printed
    found = trainings(again)
    assert sorted(found) == sorted(trainings(searched))
    assert all(
        [row["epoch"] for row in rows] == list(range(1, len(rows) + 1)) for rows in found.values()
    )
    assert recorded(again) == curves_of(again)


def test_a_search_that_was_interrupted_in_its_finals_resumes_them_alone(resumed, searched):
    again = resumed(TRIALS + 2)
    begun = re.findall(r"^trial (\S+) (started|resumes)", again.printed, re.MULTILINE)
    assert sorted(begun) == [  # two begin at once, in either order
        ("finalist-1-seed-2", "started"),
        ("finalist-2-seed-1", "resumes"),
        ("finalist-2-seed-2", "started"),
    ]
    assert statuses(again)[: TRIALS + 1] == statuses(searched)[: TRIALS + 1]


def test_finals_that_are_resumed_end_as_they_would_have(resumed, searched):
    assert curves_of(resumed(TRIALS + 2)) == curves_of(searched)


def cut_off(search: FinishedSearch, out: Path, left: int) -> None:
    """A copy of the search in ``out``, as if its driver had been killed."""
    folder = out / search.name
    shutil.copytree(search.out / search.name, folder)
    (folder / "summary.json").unlink()
    trials = sorted(folder.glob("trial-*"))
    for each in trials[left:]:
        shutil.rmtree(each)
    last = trials[left - 1]
    lines = (last / "result.json").read_text().splitlines(keepends=True)
    (last / "result.json").write_text(lines[0])
    status = json.loads((last / "status.json").read_text())
    (last / "status.json").write_text(json.dumps({**status, "status": "running"}))

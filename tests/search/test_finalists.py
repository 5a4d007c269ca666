"""A whole search with finalists, run as a user runs it, and what is left of it."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SMALL, FinishedSearch
from mlflow import MlflowClient

TRIALS, FINALISTS, SEEDS = 3, 2, 2


@pytest.fixture(scope="module")
def confirmed(small_search, tmp_path_factory) -> FinishedSearch:
    flags = ("--trials", str(TRIALS), "--seed", "1", "--concurrency", "2", "--epochs", "2")
    finals = ("--finalists", str(FINALISTS), "--finalist-seeds", str(SEEDS))
    out = tmp_path_factory.mktemp("confirmed")
    return small_search(out, "confirmed", *flags, *finals, "--set", "reweighting=none")


def accuracies(search: FinishedSearch) -> dict[int, float]:
    """The best accuracy of every training, by its number, from the files alone."""
    pairs = zip(search.configs(), search.histories(), strict=True)
    return {config["number"]: max(row["val_accuracy"] for row in rows) for config, rows in pairs}


def runs_of(search: FinishedSearch, kind: str) -> list:
    client = MlflowClient(search.uri)
    ids = [each.experiment_id for each in client.search_experiments()]
    return client.search_runs(ids, f"tags.convoy.kind = '{kind}'")


def test_the_search_is_whole_and_exits_0(confirmed):
    assert confirmed.status == 0, confirmed.printed
    assert confirmed.summary["status"] == "complete"
    assert confirmed.summary["confirmed"] is True


def test_two_trials_and_the_baseline_are_trained_again_as_often_as_asked_unless_out(confirmed):
    repeats = [config["repeats"] for config in confirmed.configs()]
    again = Counter(repeats[TRIALS:])
    assert repeats[:TRIALS] == [None] * TRIALS
    assert 0 in again
    assert len(again - Counter([0])) <= FINALISTS + 1
    finalists = confirmed.summary["finalists"]
    assert len(finalists) == len(again)
    for each in finalists:
        whole = each["status"] == "whole"
        assert each["seeds"] == (SEEDS if whole else 1)
    assert sum(each["seeds"] for each in finalists) == again.total()
    assert all(len(rows) == 2 for rows in confirmed.histories()[TRIALS:])


def test_they_count_neither_as_trials_nor_are_they_left_out_of_the_epochs(confirmed):
    assert confirmed.summary["trials"]["requested"] == TRIALS
    assert confirmed.summary["epochs"] == sum(map(len, confirmed.histories()))


def test_a_finalists_mean_and_deviation_are_those_of_its_files(confirmed):
    found = accuracies(confirmed)
    for finalist in confirmed.summary["finalists"]:
        number = next(
            config["number"]
            for config in confirmed.configs()[:TRIALS]
            if config["values"] == finalist["params"]
        )
        again = [
            found[config["number"]] for config in confirmed.configs() if config["repeats"] == number
        ]
        assert finalist["seeds"] == len(again)
        assert finalist["val_accuracy_mean"] == pytest.approx(np.mean(again))
        std = pytest.approx(np.std(again, ddof=1)) if len(again) > 1 else None
        assert finalist["val_accuracy_std"] == std
        assert finalist["luck"] is None  # of two seeds


def test_the_winner_is_a_training_of_the_first_finalist_with_what_to_expect_beside(confirmed):
    best, first = confirmed.summary["best"], confirmed.summary["finalists"][0]
    assert best["trial_id"] == first["delivered"]
    assert best["trial_id"] in first["runs"]
    assert best["params"] == first["params"]
    for name in ("val_accuracy_mean", "val_accuracy_std", "val_accuracy_interval", "seeds"):
        assert best[name] == first[name]


def test_the_delivered_training_is_the_best_that_holds_the_bound(confirmed):
    first, trained = confirmed.summary["finalists"][0], {}
    for folder in (confirmed.out / "confirmed").glob("trial-*"):
        rows = [json.loads(line) for line in (folder / "result.json").read_text().splitlines()]
        row = max(rows, key=lambda row: row["val_accuracy"])
        trained[folder.name.split("-")[-1]] = row
    runs = {name: trained[name] for name in first["runs"]}
    beyond = {name: max(0.0, row["digit_following"] - 0.08) for name, row in runs.items()}
    expected = min(runs, key=lambda name: (beyond[name], -runs[name]["val_accuracy"]))
    assert confirmed.summary["best"]["trial_id"] == expected


def test_mlflow_holds_a_run_for_each_of_them_and_one_winner(confirmed):
    finals = runs_of(confirmed, "finalist")
    assert len(finals) == sum(each["seeds"] for each in confirmed.summary["finalists"])
    assert {run.info.status for run in finals} == {"FINISHED"}
    assert len(runs_of(confirmed, "trial")) == TRIALS
    winners = [run for run in finals if run.data.tags.get("convoy.winner") == "true"]
    assert [run.info.run_id for run in winners] == [confirmed.summary["best"]["run_id"]]


def test_the_searchs_own_run_tells_mean_and_deviation(confirmed):
    (parent,) = runs_of(confirmed, "search")
    first = confirmed.summary["finalists"][0]
    assert parent.data.metrics["winner_val_accuracy_mean"] == first["val_accuracy_mean"]
    assert parent.data.metrics["winner_val_accuracy_std"] == first["val_accuracy_std"]
    assert parent.data.metrics["winner_seeds"] == SEEDS
    again = confirmed.summary["baseline"]["val_accuracy_mean"]
    assert parent.data.metrics["baseline_val_accuracy_mean"] == again
    assert parent.data.tags["convoy.confirmed"] == "true"


def test_every_finalists_weights_are_kept(confirmed):
    client = MlflowClient(confirmed.uri)
    for run in runs_of(confirmed, "finalist"):
        assert "model.pt" in {file.path for file in client.list_artifacts(run.info.run_id)}


def test_the_seeds_of_the_finals_were_those_of_no_trial(confirmed):
    def seed(run) -> int:
        folder = MlflowClient(confirmed.uri).download_artifacts(run.info.run_id, "setting.json")
        return json.loads(Path(folder).read_text())["setting"]["seed"]

    finals = {seed(run) for run in runs_of(confirmed, "finalist")}
    assert len(finals) == SEEDS
    assert finals.isdisjoint({seed(run) for run in runs_of(confirmed, "trial")})


def test_the_kept_weights_are_the_winners(confirmed):
    best = confirmed.summary["best"]
    kept = torch.load(best["checkpoint"], weights_only=True)
    path = MlflowClient(confirmed.uri).download_artifacts(best["run_id"], "model.pt")
    logged = torch.load(path, weights_only=True)
    assert all(torch.equal(kept[name], logged[name]) for name in kept)


def test_the_end_shows_the_finalists_and_what_to_expect_and_calls_nothing_of_two_seeds_luck(
    confirmed,
):
    first, best = confirmed.summary["finalists"][0], confirmed.summary["best"]
    mean, std = 100 * first["val_accuracy_mean"], 100 * first["val_accuracy_std"]
    assert "finalists" in confirmed.printed
    assert f"expect     {mean:.2f} ± {std:.2f}% over {SEEDS} fresh seeds" in confirmed.printed
    assert f"best       {100 * best['val_accuracy']:.2f}% in epoch" in confirmed.printed
    assert "score were luck" not in confirmed.printed


def test_the_report_says_at_its_head_what_to_expect_of_the_winners_setting(confirmed, tmp_path):
    from analysis.run import main

    flags = ["--search", "confirmed", "--tracking-uri", confirmed.uri, "--only", "schedule"]
    assert main([*flags, "--out", str(tmp_path)]) == 0
    first = confirmed.summary["finalists"][0]
    mean, std = 100 * first["val_accuracy_mean"], 100 * first["val_accuracy_std"]
    page = (tmp_path / "report.html").read_text()
    assert f"expect {mean:.2f} ± {std:.2f}% over {SEEDS} fresh seeds" in page


def test_the_end_tells_how_the_winner_stands_to_the_constraint(confirmed):
    judged = confirmed.summary["constraints"]["digit_following"]
    word = "holds" if judged["holds"] else "broken"
    assert f"{word:10} digit_following at most 0.08" in confirmed.printed
    assert confirmed.summary["feasible"] is judged["holds"]


def test_the_analysis_certifies_the_winner(confirmed, tmp_path, capsys):
    from analysis.run import main

    flags = ["--search", "confirmed", "--tracking-uri", confirmed.uri, "--only", "curves"]
    assert main([*flags, "--out", str(tmp_path)]) == 0, capsys.readouterr().err
    assert json.loads((tmp_path / "certificate.json").read_text())["certified"]


def test_a_search_that_was_not_confirmed_says_so(finished):
    assert finished.summary["confirmed"] is False
    assert "unconfirmed: the best of 6 trials, which is partly luck" in finished.printed


def test_a_search_of_images_without_digits_has_nothing_to_hold(tmp_path):
    from search.request.parser import search_options
    from search.request.planning import requests

    flags = ["--space", "nin", *SMALL, "--out", str(tmp_path)]
    (request,) = requests(search_options(flags))
    assert request.constraints == {}


def test_a_search_that_is_no_longer_than_the_grace_says_that_it_stops_no_trial(confirmed, finished):
    told = "no trial is stopped early: the space's grace of 3 epochs is not below the 2 of a trial"
    assert confirmed.printed.splitlines()[1].startswith(f"confirmed: {told}")
    assert "no trial is stopped early" not in finished.printed

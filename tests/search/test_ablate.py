"""``python -m search.ablate`` as a user runs it, on little data."""

import csv
import json

import pytest
from conftest import FinishedSearch, run_here
from mlflow import MlflowClient
from PIL import Image

from analysis.ablation import main as draw
from search.ablate import main
from search.records.run_reader import spec_and_space
from search.request.ablation import setting
from search.request.parser import ablation_options
from search.run import main as search

LITTLE = ["--train-limit", "150", "--val-limit", "100", "--epochs", "2"]


@pytest.fixture(scope="module")
def ablated(one_ray, tmp_path_factory) -> FinishedSearch:
    out = tmp_path_factory.mktemp("ablations")
    flags = ["--space", "nin", "--data", "embedded", "--toggle", "batch_norm"]
    flags += ["--toggle", "dropout", "--seeds", "2", *LITTLE]
    flags += ["--set", "lr=0.02", "--out", str(out), "--name", "parts"]
    status, printed = run_here(main, flags)
    return FinishedSearch(status, out, "parts", printed)


def document(search: FinishedSearch) -> dict:
    return json.loads((search.out / search.name / "ablation.json").read_text())


def test_every_combination_is_trained_with_every_seed_to_the_end(ablated):
    assert ablated.status == 0, ablated.printed
    configs = ablated.configs()
    chosen = [(c["values"]["batch_norm"], c["values"]["dropout"], c["stream"]) for c in configs]
    expected = {(b, d, s) for b in (True, False) for d in (0.5, 0.0) for s in (0, 1)}
    assert set(chosen) == expected
    assert len(chosen) == 8
    assert all(c["values"]["lr"] == 0.02 for c in configs)
    assert [len(history) for history in ablated.histories()] == [2] * 8


def test_the_figures_are_those_of_the_trials(ablated):
    best = {
        config["label"]: max(epoch["val_accuracy"] for epoch in history)
        for config, history in zip(ablated.configs(), ablated.histories(), strict=True)
    }
    variants = document(ablated)["variants"]
    assert len(variants) == 4
    for variant in variants:
        ours = [best[f"{variant['label']}-seed{seed}"] for seed in (0, 1)]
        assert list(variant["accuracies"].values()) == ours
        assert variant["accuracy"]["mean"] == pytest.approx(sum(ours) / 2)


def test_the_table_shows_mean_spread_and_interval_in_80_columns(ablated):
    lines = ablated.printed.splitlines()
    header = next(line for line in lines if line.startswith("on "))
    assert header.split() == ["on", "seeds", "mean", "std", "difference", "95%", "interval"]
    assert sum(line.startswith(("batch_norm", "dropout", "none")) for line in lines) == 6
    table = lines[lines.index(header) :]
    assert max(len(line) for line in table if not line.startswith("written")) <= 80


def test_the_figure_is_drawn_and_recorded_with_the_numbers(ablated):
    with Image.open(ablated.out / "parts" / "ablation.png") as picture:
        assert min(picture.size) > 300
    client = MlflowClient(ablated.uri)
    experiment = client.get_experiment_by_name("convoy/nin-embedded")
    condition = "tags.`convoy.kind` = 'ablation' and tags.`convoy.search` = 'parts'"
    runs = client.search_runs([experiment.experiment_id], condition)
    assert [run.info.status for run in runs] == ["FINISHED"]
    files = {file.path for file in client.list_artifacts(runs[0].info.run_id)}
    assert {"ablation.json", "ablation.png"} <= files
    assert {"effect.batch_norm", "effect.dropout"} <= set(runs[0].data.metrics)


def test_an_ablation_crowns_no_winner(ablated):
    client = MlflowClient(ablated.uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    assert not client.search_runs(ids, "tags.`convoy.winner` = 'true'")
    assert ablated.summary["baseline"] is None


def test_a_recorded_run_is_taken_apart_as_it_was_trained(ablated, tmp_path, capsys):
    client = MlflowClient(ablated.uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    run = client.search_runs(ids, "tags.`convoy.kind` = 'trial' and params.batch_norm = 'True'")[0]
    status = main(
        [
            "--run",
            run.info.run_id,
            "--tracking-uri",
            ablated.uri,
            "--toggle",
            "batch_norm",
            "--seeds",
            "2",
            "--epochs",
            "1",
            "--out",
            str(tmp_path),
            "--name",
            "again",
            "--quiet",
        ]
    )
    assert status == 0, capsys.readouterr()
    config = json.loads(next((tmp_path / "again").glob("trial-0000*/params.json")).read_text())
    assert config["job"]["architecture"] == "nin"
    assert (config["job"]["source"], config["job"]["train_limit"]) == ("embedded", 150)
    assert config["values"]["lr"] == 0.02


BAD = [
    ([], "give --space NAME or --run RUN_ID"),
    (["--space", "nin", "--run", "x"], "give --space NAME or --run RUN_ID"),
    (["--space", "nin"], "--toggle: name one part or more"),
    (["--space", "nnn", "--toggle", "dropout"], "space 'nnn' does not exist"),
    (["--space", "nin", "--toggle", "drpout"], "the setting has no such key"),
    (["--space", "nin", "--toggle", "flip"], "it is already off in this setting"),
    (["--space", "nin", "--toggle", "dropout", "--seeds", "1"], "--seeds must be 2 or more"),
    (["--space", "nin", "--toggle", "dropout", "--set", "colour=1"], "has no key colour"),
    (["--space", "nin", "--toggle", "dropout", "--set", "kernel=2.5"], "must be of type int"),
    (["--space", "nin", "--toggle", "dropout", "--set", "batch_norm=maybe"], "of type bool"),
    (["--space", "gap5", "--toggle", "momentum"], "the setting has no such key"),
    (["--run", "0" * 32, "--toggle", "dropout"], "no records at"),
]


@pytest.mark.parametrize(("flags", "message"), BAD, ids=[m for _, m in BAD])
def test_a_wrong_flag_is_refused_in_one_line_and_nothing_is_written(
    flags, message, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(["--data", "embedded", "--out", str(tmp_path / "runs"), *flags]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_on_the_embedded_data_it_trains_as_a_search_there_does(tmp_path):
    flags = ["--space", "gap6", "--toggle", "dropout", "--data", "embedded"]
    task, space = setting(ablation_options(flags))
    assert (space, task.job.epochs, task.values["width"]) == ("gap6", 8, 0.125)
    assert (task.values["auto_augment"], task.values["mixup"]) == (False, 0.0)


def test_every_trial_can_be_repeated_with_its_seed(ablated):
    client = MlflowClient(ablated.uri)
    experiment = client.get_experiment_by_name("convoy/nin-embedded")
    condition = "tags.`convoy.kind` = 'trial' and tags.`convoy.search` = 'parts'"
    runs = client.search_runs([experiment.experiment_id], condition)
    recorded = {
        task.label: task.as_config()
        for task, _ in (spec_and_space(ablated.uri, run.info.run_id) for run in runs)
    }
    assert recorded == {config["label"]: config for config in ablated.configs()}


def test_the_record_says_what_was_compared(ablated):
    client = MlflowClient(ablated.uri)
    experiment = client.get_experiment_by_name("convoy/nin-embedded")
    condition = "tags.`convoy.kind` = 'ablation' and tags.`convoy.search` = 'parts'"
    (run,) = client.search_runs([experiment.experiment_id], condition)
    said = {key: run.data.params[key] for key in ("toggles", "seeds", "of_baseline")}
    assert said == {"toggles": "batch_norm dropout", "seeds": "2", "of_baseline": "nin"}
    assert "grace_epochs" not in run.data.params


def test_a_run_that_is_not_there_is_refused(ablated, capsys):
    flags = ["--run", "0" * 32, "--tracking-uri", ablated.uri, "--toggle", "dropout"]
    assert main(flags) == 2
    assert "--run 000" in capsys.readouterr().err


OTHER = [
    "{}",
    "[]",
    "x",
    '{"variants": [{"accuracies": {}}]}',
    '{"variants": [{"accuracies": [1]}]}',
]


@pytest.mark.parametrize("text", OTHER)
def test_the_figure_of_another_file_is_refused(tmp_path, capsys, text):
    file = tmp_path / "other.json"
    file.write_text(text)
    assert draw([str(file)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "other.png").exists()


def test_a_figure_of_another_kind_is_refused(ablated, tmp_path, capsys):
    file = ablated.out / "parts" / "ablation.json"
    assert draw([str(file), "--out", str(tmp_path / "x.foo")]) == 2
    assert "must end in .png" in capsys.readouterr().err


def test_a_leaderboard_is_a_table_a_file_and_a_record(one_ray, tmp_path):
    flags = ["--space", "conv3", "--space", "gap5", "--data", "embedded", *LITTLE]
    flags += ["--trials", "2", "--concurrency", "1", "--finalists", "0"]
    flags += ["--set", "pool_stride=2", "--out", str(tmp_path), "--name", "both"]
    status, printed = run_here(search, flags)
    assert status == 0, printed
    rows = list(csv.DictReader((tmp_path / "both" / "leaderboard.csv").open()))
    assert [(row["space"], row["source_split"]) for row in rows] == [
        ("conv3", "test"),
        ("gap5", "test"),
    ]
    for row in rows:
        summary = json.loads((tmp_path / row["search"] / "summary.json").read_text())
        assert summary["trials"]["completed"] == summary["trials"]["requested"] == 2
        assert float(row["best_val_accuracy"]) == summary["best"]["val_accuracy"]
        assert float(row["baseline_val_accuracy"]) == summary["baseline"]["val_accuracy"]
        assert row["source_accuracy"] in ("0.7429", "0.75")
    assert "74.29% test" in printed
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("convoy/leaderboard")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.metrics["conv3.source_accuracy"] == 0.7429
    assert run.data.metrics["gap5.best_val_accuracy"] == float(rows[1]["best_val_accuracy"])
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["leaderboard.csv"]
    ids = [each.experiment_id for each in client.search_experiments()]
    searches = client.search_runs(ids, "tags.`convoy.leaderboard` = 'both'")
    assert sum(each.data.tags["convoy.kind"] == "search" for each in searches) == 2

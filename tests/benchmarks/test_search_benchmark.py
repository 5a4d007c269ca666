"""A comparison of two whole searches that is too small to mean anything."""

import json

import pytest
from mlflow import MlflowClient

from benchmarks.search import SPACE, main
from search.space.reader import read_space

pytestmark = [pytest.mark.slow, pytest.mark.long]
FLAGS = ["--data", "embedded", "--trials", "2", "--epochs", "1", "--train-limit", "200"]


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    out = tmp_path_factory.mktemp("compared")
    files = ["--out", str(out), "--json", str(out / "found.json")]
    assert main([*FLAGS, "--val-limit", "100", *files]) == 0
    return out


def settings(folder):
    """The values that each trial of a search was given, sorted."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = [run for run in client.search_runs(experiments) if "batch_size" in run.data.params]
    keys = sorted(read_space(SPACE).baseline)
    return sorted([run.data.params[key] for key in keys] for run in runs)


def test_both_searches_try_the_same_settings_while_optuna_draws_at_random(compared):
    plain, ours = (settings(compared / "seed-0" / side) for side in ("plain", "convoy"))
    assert len(plain) == 2
    assert plain == ours


def test_both_searches_try_the_sources_own_settings(compared):
    baseline = [str(value) for _, value in sorted(read_space(SPACE).baseline.items())]
    assert baseline in settings(compared / "seed-0" / "plain")


def test_every_epoch_of_both_is_in_the_figures(compared):
    pair = json.loads((compared / "found.json").read_text())["pairs"][0]
    assert pair["plain"]["epochs"] == pair["convoy"]["epochs"] == 2
    assert pair["plain"]["images"] == 400
    for side in ("plain", "convoy"):
        figures = pair[side]
        assert 0 < figures["first_step_seconds"] < figures["first_report_seconds"]
        assert figures["first_report_seconds"] < figures["wall_seconds"]
        assert figures["images_per_second"] < figures["images_per_second_training"]


def test_a_wrong_flag_is_one_line_and_status_2(capsys):
    assert main(["--data", "embedded", "--trials", "0"]) == 2
    assert capsys.readouterr().err == "error: --trials must be 1 or more, not 0\n"


def test_searches_that_are_there_are_not_mixed_with_new_ones(tmp_path, capsys):
    (tmp_path / "seed-3").mkdir()
    assert main(["--data", "embedded", "--seed", "3", "--out", str(tmp_path)]) == 2
    assert "seed-3 exists already" in capsys.readouterr().err

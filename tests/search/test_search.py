"""Whole searches, run as a user runs them."""

import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest
import torch
from conftest import FLAGS, ROOT, SMALL, user_environment
from mlflow import MlflowClient

from search.proposals import samplers, schedulers
from search.records.summary import SCHEMA

MARK = "CONVOY_TEST_SEARCH"  # inherited by every process of a search under test


@pytest.fixture(scope="module")
def repeated(small_search, tmp_path_factory):
    """The first trials of the plain search again, in another process and on another Ray."""
    return small_search(tmp_path_factory.mktemp("again"), "again", *FLAGS, "--trials", "3")


@pytest.fixture(scope="module")
def diverging(small_search, tmp_path_factory):
    """A search some of whose trials fail: a rate that makes the loss infinite."""
    flags = ("--trials", "3", "--set", "optimizer=sgd", "--set", "lr=100", "--set", "momentum=0.99")
    return small_search(tmp_path_factory.mktemp("diverging"), "diverging", *flags)


def test_a_whole_search_exits_0_and_says_complete(finished):
    assert finished.status == 0, finished.printed
    assert finished.summary["status"] == "complete"


def test_the_summary_counts_every_trial(finished):
    summary = finished.summary
    trials = summary["trials"]
    assert trials["requested"] == 6 == trials["completed"] + trials["pruned"]
    assert trials["failed"] == 0
    assert trials["pruned"] > 0
    epochs = [len(history) for history in finished.histories()]
    sizes = [config["values"]["batch_size"] for config in finished.configs()]
    assert summary["epochs"] == sum(epochs)
    seen = sum(n * (600 // size) * size for n, size in zip(epochs, sizes, strict=True))
    assert summary["images"] == seen


def test_the_summary_has_what_its_readers_rely_on(finished):
    summary = finished.summary
    assert summary["schema"] == SCHEMA
    assert (summary["data"]["train"], summary["data"]["val"]) == (600, 300)
    assert {"search", "space", "seed", "wall_seconds", "versions", "resources"} <= set(summary)
    assert Path(summary["best"]["checkpoint"]).is_file()


def test_the_records_name_the_sampler_and_the_scheduler(finished):
    names = {"sampler": samplers.DEFAULT, "scheduler": schedulers.DEFAULT}
    assert names.items() <= finished.summary.items()
    client = MlflowClient(finished.uri)
    winner = client.get_run(finished.summary["best"]["run_id"])
    search = client.get_run(winner.data.tags["mlflow.parentRunId"])
    divided = {"grace_epochs": "3", "reduction_factor": "3", "trials": "6", "finalists": "0"}
    assert (names | divided).items() <= search.data.params.items()


def test_the_best_is_the_best_epoch_of_all_trials(finished):
    best = finished.summary["best"]
    accuracies = {
        (config["number"], row["epoch"]): row["val_accuracy"]
        for config, history in zip(finished.configs(), finished.histories(), strict=True)
        for row in history
    }
    assert best["val_accuracy"] == max(accuracies.values())


def test_trial_0_is_the_baseline_and_runs_to_the_end(finished):
    from search.space.reader import SPACES, read_space

    first, history = finished.configs()[0], finished.histories()[0]
    assert first["values"] == read_space(SPACES / "gap5.yaml").baseline
    assert len(history) == 4
    recorded = finished.summary["baseline"]["val_accuracy"]
    assert recorded == max(row["val_accuracy"] for row in history)


def test_embedded_data_bring_their_own_fixed_values(finished):
    assert {config["values"]["pool_stride"] for config in finished.configs()} == {2}


def test_the_kept_weights_are_a_state_dict(finished):
    weights = torch.load(finished.summary["best"]["checkpoint"], weights_only=True)
    assert weights["conv1.weight"].shape == (16, 3, 7, 7)


def test_the_same_seed_gives_the_same_settings(finished, repeated):
    assert repeated.status == 0, repeated.printed
    assert repeated.configs() == finished.configs()[:3]


def test_the_same_seed_gives_the_same_accuracies(finished, repeated):
    def accuracies(search):
        return [[row["val_accuracy"] for row in history] for history in search.histories()]

    assert accuracies(repeated) == accuracies(finished)[:3]


def test_every_epoch_of_every_trial_is_in_mlflow_once(finished):
    client = MlflowClient(finished.uri)
    experiment = client.get_experiment_by_name("convoy/gap5-embedded")
    runs = client.search_runs([experiment.experiment_id], "tags.convoy.search = 'small'")
    children = {r.data.params["trial"]: r for r in runs if "mlflow.parentRunId" in r.data.tags}
    assert len(children) == 6
    assert len(runs) == 7
    for config, history in zip(finished.configs(), finished.histories(), strict=True):
        run = children[str(config["number"])]
        logged = client.get_metric_history(run.info.run_id, "val_accuracy")
        expected = [(row["epoch"], row["val_accuracy"]) for row in history]
        assert sorted((point.step, point.value) for point in logged) == expected


def test_the_validation_accuracy_is_the_first_metric_of_a_trial_on_which_compare_opens(finished):
    run = MlflowClient(finished.uri).get_run(finished.summary["best"]["run_id"])
    assert next(iter(run.data.metrics)) == "val_accuracy"


def test_every_run_has_the_metrics_of_the_records(finished):
    client = MlflowClient(finished.uri)
    run = client.get_run(finished.summary["best"]["run_id"])
    wanted = (
        "train_loss train_accuracy val_loss val_accuracy lr "
        "images_per_second epoch_seconds report_seconds "
        "val_accuracy_aligned val_accuracy_conflicting digit_following best_val_accuracy best_epoch"
    )
    assert set(run.data.metrics) == set(wanted.split())


def states_of(search) -> set[str]:
    client = MlflowClient(search.uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    return {run.info.status for run in client.search_runs(ids)}


def test_no_run_is_left_running(finished, diverging):
    assert states_of(finished) == {"FINISHED"}
    assert states_of(diverging) == {"FINISHED", "FAILED"}


def test_the_winners_run_holds_weights_setting_and_space(finished):
    client = MlflowClient(finished.uri)
    files = client.list_artifacts(finished.summary["best"]["run_id"])
    found = {file.path for file in files} - {"analysis"}  # which others may have added
    assert found == {"model.pt", "setting.json", "space.yaml"}


def test_the_best_trials_and_the_baseline_hold_their_weights(finished):
    client = MlflowClient(finished.uri)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(ids, "tags.`convoy.kind` = 'trial'")
    mine = {
        int(run.data.params["trial"]): run
        for run in runs
        if run.data.tags["convoy.search"] == "small"
    }
    holding = {
        number
        for number, run in mine.items()
        if "model.pt" in {file.path for file in client.list_artifacts(run.info.run_id)}
    }
    others = sorted(mine.keys() - {0}, key=lambda n: -mine[n].data.metrics["best_val_accuracy"])
    assert len(others) > 3
    assert holding == {0, *others[:3]}


def test_the_end_names_the_two_commands_to_go_on_with(finished):
    assert f"python -m search.ui --search small --out {finished.out}" in finished.printed
    assert "python -m analysis.run --search small" in finished.printed


def test_output_that_is_no_terminal_is_plain_lines(finished):
    assert "\x1b" not in finished.printed
    assert "trial baseline completed: best" in finished.printed
    first, _, others = finished.printed.partition("\n")
    assert first == "gap5: reading the data, starting Ray"
    assert "Ray" not in others
    assert "Warning" not in finished.printed


def test_a_diverging_trial_fails_alone_and_the_search_exits_3(diverging):
    assert diverging.status == 3, diverging.printed
    summary = diverging.summary
    assert summary["status"] == "failed-trials"
    assert summary["trials"]["failed"] >= 1
    assert re.search(
        r"failed: NonFiniteLossError: the \w+ loss became (nan|inf) in epoch \d", diverging.printed
    )
    assert "Traceback" not in diverging.printed
    assert "ERROR" not in diverging.printed


def test_a_failed_trial_is_failed_in_mlflow_with_its_reason(diverging):
    client = MlflowClient(diverging.uri)
    experiment = client.get_experiment_by_name("convoy/gap5-embedded")
    condition = "tags.convoy.search = 'diverging' and attributes.status = 'FAILED'"
    runs = [
        run
        for run in client.search_runs([experiment.experiment_id], condition)
        if run.data.tags["convoy.kind"] == "trial"
    ]
    assert len(runs) == diverging.summary["trials"]["failed"]
    assert all("NonFiniteLossError" in run.data.tags["convoy.error"] for run in runs)


@pytest.fixture
def running(tmp_path):
    """A search under way, past its first epoch."""
    command = [sys.executable, "-m", "search.run", "--space", "gap5", *SMALL, "--epochs", "60"]
    command += ["--trials", "8", "--out", str(tmp_path), "--name", "long"]
    marked = {**user_environment(), MARK: str(tmp_path)}
    process = subprocess.Popen(command, cwd=ROOT, env=marked, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("long/trial-*/result.json")) and time.monotonic() < deadline:
        time.sleep(0.5)
    time.sleep(3)
    yield process, tmp_path
    process.kill()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_search_listens_on_loopback_alone_and_closes_its_records(
    running, number, status
):
    process, out = running
    listening = listening_addresses(str(out))
    assert {"gcs_server", "raylet"} <= set(listening)  # all of Ray is looked at
    assert any(name.startswith("ray::") for name in listening)  # and the trials
    assert {name for name, where in listening.items() if not all(map(is_loopback, where))} == set()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == status
    summary = out / "long" / "summary.json"
    assert '"status": "interrupted"' in summary.read_text()
    client = MlflowClient(f"sqlite:///{out}/mlflow.db")
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert runs
    assert "RUNNING" not in {run.info.status for run in runs}


def is_loopback(address: str) -> bool:
    parsed = ip_address(address.partition("%")[0])
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "::ffff:0.0.0.0", "fe80::1%eth0"])
def test_an_address_that_others_reach_is_not_taken_for_loopback(address):
    assert not is_loopback(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_an_address_that_nobody_else_reaches_is_loopback(address):
    assert is_loopback(address)


def listening_addresses(mark: str) -> dict[str, set[str]]:
    """Where the processes of a search can be reached, by their names, IPv6 and UDP too."""
    found: dict[str, set[str]] = {}
    for process in processes_of(mark):
        with suppress(psutil.Error):  # it has ended meanwhile
            open_to = found.setdefault(process.name(), set())
            open_to |= {
                connection.laddr.ip
                for connection in process.net_connections(kind="inet")
                if connection.status == psutil.CONN_LISTEN or is_unconnected_udp(connection)
            }
    return found


def processes_of(mark: str) -> set[psutil.Process]:
    """By a variable that all inherit, so that who leaves its parent is found, and by their parents:
    Ray's workers write their names over their variables."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                found |= {process, *process.children(recursive=True)}
    return found


def is_unconnected_udp(connection) -> bool:
    return connection.type == socket.SOCK_DGRAM and connection.laddr and not connection.raddr

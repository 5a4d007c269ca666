"""The winner's model in MLflow: logged to its run, registered, loaded and served."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from conftest import forget_artifacts, user_environment
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from models import CLASSES, probabilities, write_model
from rich.console import Console
from subjects import recorded, subject_of

from analysis.certificate import certify
from analysis.model.folder import write_model_folder
from analysis.model.lookup import model_of_search
from analysis.model.registry import publish
from analysis.record import Records
from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load
from trainables.recipe import Setting

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 6, 8, 3), dtype=np.uint8)


@pytest.fixture
def records(place, tmp_path) -> Records:
    MlflowClient(place.uri).create_experiment("convoy/gap5", (tmp_path / "a").as_uri())
    return Records(place.uri)


def winner(records: Records, search: str, begun: int) -> str:
    """The run of a search's winner, that began at a time."""
    experiment = records.client.get_experiment_by_name("convoy/gap5").experiment_id
    tags = {"convoy.search": search, "convoy.winner": "true"}
    return records.client.create_run(experiment, begun, tags).info.run_id


def holder(records: Records) -> str:
    """Whose model has the alias."""
    return records.client.get_model_version_by_alias("convoy-gap5", "winner").run_id


def versions(records: Records) -> int:
    return len(records.client.search_model_versions("name = 'convoy-gap5'"))


def test_a_logged_model_has_a_signature_and_predicts_what_the_network_does(
    records, tmp_path, monkeypatch
):
    run_id, folder = winner(records, "first", 1), write_model(tmp_path / "model")
    line = publish(records, run_id, folder, IMAGES[:1])
    assert line == "registered: models:/convoy-gap5@winner (version 1)"
    with model_of_search("first", tmp_path, records.uri) as copy:  # the folder itself, back again
        assert {path.name for path in copy.iterdir()} == {path.name for path in folder.iterdir()}
    logged = records.client.download_artifacts(run_id, "model", str(tmp_path))
    model = mlflow.pyfunc.load_model(logged)
    assert model.metadata.signature.inputs.inputs[0].type == np.uint8
    check_rows(model.predict(IMAGES).to_dict("records"))


def check_rows(rows: list[dict]) -> None:
    """Raise AssertionError unless they are what the network makes of ``IMAGES``."""
    expected = probabilities(IMAGES)
    assert [row["class"] for row in rows] == [CLASSES[best] for best in expected.argmax(1)]
    assert [row["confidence"] for row in rows] == pytest.approx(expected.max(1), abs=1e-5)
    computed = np.array([[row["probabilities"][name] for name in CLASSES] for row in rows])
    assert computed == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_a_registered_model_loads_without_convoy_and_without_warnings(records, tmp_path):
    publish(records, winner(records, "first", 1), write_model(tmp_path / "model"), IMAGES[:1])
    np.save(tmp_path / "images.npy", IMAGES)
    code = (
        "import sys, numpy, mlflow.pyfunc, warnings; warnings.simplefilter('error', UserWarning)\n"
        "model = mlflow.pyfunc.load_model('models:/convoy-gap5@winner')\n"
        "print(model.predict(numpy.load('images.npy')).to_json(orient='records'))\n"
        "assert not {'analysis', 'search', 'trainables', 'torch'} & set(sys.modules)"
    )
    variables = {**user_environment(), "MLFLOW_TRACKING_URI": records.uri, "PYTHONPATH": ""}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    check_rows(json.loads(done.stdout))


def test_a_winner_is_one_version_and_the_latest_search_s_has_the_alias(records, tmp_path):
    folder = write_model(tmp_path / "model")
    first, second = winner(records, "first", 1000), winner(records, "second", 2000)
    publish(records, first, folder, IMAGES[:1])
    again = publish(records, first, folder, IMAGES[:1])
    assert (versions(records), holder(records)) == (1, first)
    assert again.startswith("registered: models:/convoy-gap5@winner")
    publish(records, second, folder, IMAGES[:1])
    assert (versions(records), holder(records)) == (2, second)
    line = publish(records, first, folder, IMAGES[:1])
    assert (versions(records), holder(records)) == (2, second)
    assert line == "registered: models:/convoy-gap5/1 (@winner stays with a later search's)"


def test_a_version_that_is_permitted_a_moment_later_is_registered(records, tmp_path, monkeypatch):
    create, refusals = records.client.create_model_version, [PERMISSION_DENIED] * 2

    def refuse_twice(*args: object) -> object:
        if refusals:
            raise MlflowException("Permission denied", refusals.pop())
        return create(*args)

    monkeypatch.setattr(records.client, "create_model_version", refuse_twice)
    run_id = winner(records, "first", 1)
    line = publish(records, run_id, write_model(tmp_path / "model"), IMAGES[:1])
    assert line == "registered: models:/convoy-gap5@winner (version 1)"


def test_a_store_without_a_registry_has_the_model_on_the_run_and_says_so_in_a_line(
    records, tmp_path, monkeypatch
):
    def refuse(*args: object, **kwargs: object) -> None:
        raise MlflowException("no registry\nin this store")

    monkeypatch.setattr(records.client, "create_registered_model", refuse)
    run_id = winner(records, "first", 1)
    line = publish(records, run_id, write_model(tmp_path / "model"), IMAGES[:1])
    assert line.startswith("logged to MLflow as a model, but not registered: ")
    assert "no registry in this store" in line and "\n" not in line
    forget_artifacts()
    assert "MLmodel" in str(records.client.list_artifacts(run_id, "model"))


def test_a_search_without_a_model_names_the_command_that_makes_it(records, tmp_path):
    winner(records, "first", 1)
    with (
        pytest.raises(UsageError, match=r"make it: python -m analysis.run --search first"),
        model_of_search("first", tmp_path, records.uri),
    ):
        pass


def free_port() -> int:
    with socket.socket() as each:
        each.bind(("127.0.0.1", 0))
        return int(each.getsockname()[1])


@contextlib.contextmanager
def serving(command: list[str], port: int, log: Path, variables: dict[str, str]) -> Iterator[str]:
    """The address of a server that ``command`` starts; it answers, and ends with the context."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**user_environment(), **variables, "PATH": path}
    with log.open("w") as out:
        server = subprocess.Popen(
            command, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        address, end = f"http://127.0.0.1:{port}", time.monotonic() + 300
        while time.monotonic() < end:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health"):
                break
            assert server.poll() is None, log.read_text()
            time.sleep(0.2)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(300)


@pytest.mark.slow
def test_a_served_model_answers_1000_real_images_with_the_classes_of_the_network(
    real_data, tmp_path, monkeypatch
):
    whole = load(DataSpec("cifar10"), real_data)
    dataset = whole.limited(4000, 500)
    run = recorded(Setting.of("conv3", {"lr": 0.002}, 2, 0), DataSpec("cifar10"), dataset)
    subject = subject_of(run, run.model(dataset), dataset)
    folder = write_model_folder(subject, certify(subject), tmp_path, Console(quiet=True))
    images = np.ascontiguousarray(whole.test.images[:1000])
    expected = network_classes(subject, images)
    assert len(set(expected)) > 5
    port, variables = free_port(), {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    store = f"sqlite:///{tmp_path / 'server.db'}"
    server = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store]
    server += ["--artifacts-destination", str(tmp_path / "held"), "--port", str(port)]
    with serving(server, port, tmp_path / "server.log", variables) as uri:
        MlflowClient(uri).create_experiment("convoy/gap5")
        records = Records(uri)
        publish(records, winner(records, "first", 1), folder, images[:1])
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        mlflow.set_tracking_uri(uri)
        name = "models:/convoy-gap5@winner"
        loaded = mlflow.pyfunc.load_model(name).predict(images)
        assert list(loaded["class"]) == expected
        served = free_port()
        command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", name]
        command += ["--env-manager", "local", "--port", str(served)]
        at = {"MLFLOW_TRACKING_URI": uri}
        with serving(command, served, tmp_path / "serve.log", at) as address:
            request = urllib.request.Request(
                f"{address}/invocations",
                json.dumps({"inputs": images.tolist()}).encode(),
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request) as response:
                answer = json.load(response)["predictions"]
    assert [row["class"] for row in answer] == expected


def network_classes(subject, images: np.ndarray) -> list[str]:
    """What the PyTorch network itself makes of images."""
    with torch.inference_mode():
        pixels = torch.from_numpy(images)
        logits = subject.model(subject.normalise(pixels)).float()
    return [subject.dataset.classes[best] for best in logits.argmax(1)]

"""``python -m search.ui`` where there is nothing to show, and where it shows at another's."""

import socket

import pytest
from mlflow import MlflowClient

from search.commands.mlflow_pages import HOST, REFUSED, mlflow_server
from search.records.store import make_store
from search.request.flags import PORTS
from search.ui import main
from trainables.boundary.errors import UsageError


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> str:
    """A folder whose store has an experiment without a run."""
    out = tmp_path_factory.mktemp("runs")
    uri = f"sqlite:///{out / 'mlflow.db'}"
    make_store(uri)
    MlflowClient(uri).create_experiment("convoy/gap5")
    return str(out)


@pytest.fixture
def taken():
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen()
        yield listening.getsockname()[1]


def refusal(capsys, *argv: str) -> str:
    assert main(list(argv)) == 2
    told = capsys.readouterr()
    assert not told.out
    assert told.err.count("\n") == 1
    return told.err


def test_a_folder_without_records_is_refused(tmp_path, capsys):
    told = refusal(capsys, "--out", str(tmp_path))
    assert told.startswith(f"error: no records at {tmp_path / 'mlflow.db'}; run a search first")


def test_a_store_without_a_search_is_refused_with_the_command_that_makes_one(store, capsys):
    told = refusal(capsys, "--out", store)
    assert told.endswith("begin one: python -m search.run --space gap5\n")


@pytest.mark.parametrize("name", ["absent", "it's"])
def test_a_search_that_is_not_there_is_refused(store, capsys, name):
    assert name in refusal(capsys, "--out", store, "--search", name)


@pytest.mark.parametrize("port", [5060, 6000, 6667, 0, -1, 65536])
def test_a_port_that_no_browser_or_system_opens_is_refused(port):
    with pytest.raises(UsageError, match=f"--port {port}: in use, or blocked"):
        mlflow_server("sqlite://", port).__enter__()


def test_a_port_that_is_taken_is_refused(taken):
    with pytest.raises(UsageError, match=f"--port {taken}: in use"):
        mlflow_server("sqlite://", taken).__enter__()


def test_the_default_ports_begin_at_mlflows_own_and_are_opened_by_browsers():
    assert PORTS[0] == 5000
    assert not REFUSED & set(PORTS)


def test_a_server_that_does_not_start_is_told_in_a_line(tmp_path):
    (tmp_path / "mlflow.db").write_text("no database")
    with pytest.raises(UsageError, match="MLflow's server does not start: "):
        mlflow_server(f"sqlite:///{tmp_path / 'mlflow.db'}", None).__enter__()

"""A password in the tracking URI, or in MLflow's variables, is told to nobody.

Not on the terminal, not in an error, whichever library's words it quotes, not in a record.
"""

import base64
import http.server
import logging
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient

from analysis.run import main as analyse
from search.ablate import main as ablate
from search.commands.reconcile import reconcile
from search.commands.report import compare_lines, print_refusal
from search.records.about import About, Place
from search.records.search_file import SearchFile
from search.records.search_records import SearchRecords
from search.records.tracking import check_uri, in_shell
from search.request.options import SearchOptions
from search.request.planning import recorded
from search.run import main as search
from search.trials.spec import Job
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked
from trainables.data import DataSpec

SECRET = "hunter2-SECRET"
URIS = [
    f"postgresql://user:{SECRET}@host/db",
    f"postgresql+psycopg2://user:{SECRET}@127.0.0.1:9/db",
    f"mysql+pymysql://:{SECRET}@host/db",
    f"postgresql://host/db?user=me&password={SECRET}",
    f"postgresql://host/db?PASSWORD={SECRET}&sslmode=require",
    f"http://user:{SECRET}@127.0.0.1:9",
    f"https://user:{SECRET}@host:5000/path?x=1",
    f"http://user:a@b{SECRET}@127.0.0.1:9",
    f"http://user:a/b{SECRET}@127.0.0.1:9",
    f"http://user:{SECRET}@[::1",
    f"ftp://user:{SECRET}@host",
]


@pytest.mark.parametrize("uri", URIS)
def test_text_that_quotes_the_uri_loses_the_password_and_keeps_the_rest(uri):
    text = masked(f"cannot reach '{uri}' (refused)")
    assert SECRET not in text
    assert "***" in text
    assert text.startswith("cannot reach '")
    assert text.endswith("(refused)")


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////home/me/runs/mlflow.db",
        "http://127.0.0.1:5000/health",
        "postgresql://user@host/db",
        "line 3: lr: must be above 0, as user@host said",
        "https://host:8080/?page=2",
    ],
)
def test_text_without_a_password_stays_as_it_is(text):
    assert masked(text) == text


LETTERS = st.characters(codec="ascii", categories=["L", "N", "P", "S"], exclude_characters="@/")


@settings(deadline=None, derandomize=True)
@given(password=st.text(LETTERS, min_size=4, max_size=20), before=st.text(max_size=10))
def test_no_password_of_an_address_survives(password, before):
    secret = f"{password}#SECRET"
    assert "SECRET" not in masked(f"{before}://someone:{secret}@host:1/db")


@pytest.mark.parametrize("variable", ["MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"])
def test_what_mlflows_variables_hold_is_left_out_of_any_error(monkeypatch, variable):
    monkeypatch.setenv(variable, SECRET)
    assert str(UsageError(f"401 for user:{SECRET}")) == "401 for user:***"


@pytest.mark.parametrize("uri", URIS)
@pytest.mark.parametrize(
    "command",
    [
        lambda uri: analyse(["--search", "mine", "--tracking-uri", uri]),
        lambda uri: ablate(["--run", "0" * 32, "--toggle", "x", "--tracking-uri", uri]),
        lambda uri: search(["--space", "gap5", "--data", "embedded", "--wrong", uri]),
    ],
    ids=["analysis.run", "search.ablate", "search.run"],
)
def test_a_command_that_fails_prints_no_password(
    uri, command, capsys, caplog, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with caplog.at_level(logging.DEBUG):
        assert command(uri) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert SECRET not in printed.out + printed.err + caplog.text


@pytest.fixture
def server() -> Iterator[tuple[str, list[str | None]]]:
    """A tracking server that refuses everything but its health, and who knocked there."""
    knocked: list[str | None] = []

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            healthy = self.path.startswith("/health")
            knocked.append(self.headers.get("Authorization"))
            self.send_response(200 if healthy else 401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{running.server_port}", knocked
        running.shutdown()


def test_a_server_with_a_password_in_its_uri_is_found_and_not_sent_it(server):
    place, knocked = server
    assert check_uri(f"http://user:{SECRET}@{place}") == f"http://user:{SECRET}@{place}"
    assert knocked == [None]


def test_what_the_records_of_a_search_were_refused_tells_no_password(server, tmp_path, capsys):
    place, knocked = server
    job = Job("gap5", DataSpec(), "embedded", None, None, 1, 0, 1)
    about = About(
        Place(f"http://user:{SECRET}@{place}", "convoy/gap5", None, "mine"), {}, {}, job, {}
    )
    with pytest.raises(UsageError) as refused:
        SearchRecords(tmp_path, about, "id")
    login = base64.b64encode(f"user:{SECRET}".encode()).decode()
    assert knocked[-1] == f"Basic {login}"  # MLflow itself has used it
    print_refusal(refused.value)
    assert SECRET not in f"{refused.value} {capsys.readouterr().err}"


@pytest.mark.parametrize(("uri", "word"), [(URIS[0], "MLFLOW_TRACKING_URI"), (URIS[5], "PASSWORD")])
def test_the_commands_to_go_on_with_name_the_variable_instead(uri, word):
    lines = [*compare_lines("mine", Path("/runs"), uri), f"--tracking-uri {in_shell(uri)}"]
    assert SECRET not in "".join(lines)
    assert lines[0].startswith("password   not shown; ")
    assert word in lines[0]


def test_the_variable_in_a_command_is_the_uri_again():
    printed = subprocess.run(
        ["sh", "-c", f"printf %s {in_shell(URIS[0])}"],
        env={"MLFLOW_TRACKING_URI": URIS[0]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout == URIS[0]


def test_commands_for_a_store_without_a_password_stay_whole():
    uri = "sqlite:////home/me/my runs/mlflow.db"
    assert compare_lines("mine", Path("/home/me/my runs"), uri) == [
        "compare    python -m search.ui --search mine --out '/home/me/my runs'"
    ]
    assert compare_lines("mine", Path("/elsewhere"), uri) == [
        f"compare    python -m search.ui --search mine --tracking-uri '{uri}'"
    ]


@pytest.mark.parametrize("uri", URIS)
def test_the_files_of_a_search_do_not_hold_its_password(tmp_path, uri):
    job = Job("gap5", DataSpec(), "embedded", None, None, 4, 0, 1)
    About(Place(uri, "e", None, "s"), {}, {}, job, {}).write(tmp_path)
    recorded_flags = recorded(SearchOptions(tracking_uri=uri))
    SearchFile("search.run", recorded_flags, {}, "id").claim(tmp_path / "s", None)
    texts = [path.read_text() for path in tmp_path.rglob("*.json")]
    assert len(texts) == 2
    assert not [text for text in texts if SECRET in text]


def test_a_uri_whose_password_was_not_kept_is_asked_for_again(tmp_path):
    job = Job("gap5", DataSpec(), "embedded", None, None, 4, 0, 1)
    About(Place(URIS[0], "e", None, "s"), {}, {}, job, {}).write(tmp_path)
    with pytest.raises(UsageError, match="the password was not kept; give --tracking-uri"):
        reconcile(tmp_path, None)


def test_the_records_of_a_search_do_not_hold_its_tracking_uri(finished):
    """But for where the artifacts are, which MLflow makes of their folder."""
    client = MlflowClient(finished.uri)
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert runs
    assert not [run for run in runs if "sqlite:" in str({**run.data.tags, **run.data.params})]

"""``python -m search.delete``: a search goes with folder and runs, and nothing else does."""

import contextlib
import io
import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from conftest import FinishedSearch, copied_store, run_here
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from search.delete import main
from search.driver.lock import locked
from search.records.search_file import SearchFile

WINNERS = "convoy-gap5-embedded"
OF_A_RUN = ("runs", "metrics", "latest_metrics", "params", "tags")


@pytest.fixture
def copied(finished: FinishedSearch, tmp_path: Path) -> Path:
    """A copy of the finished search, named ``small``, with its store."""
    shutil.copytree(finished.out / finished.name, tmp_path / finished.name)
    copied_store(finished, tmp_path)
    return tmp_path


def made(out: Path, name: str = "s", **identity) -> Path:
    """The folder of a search that has just begun."""
    flags = {"space": ["gap5"], "name": name, "tracking_uri": None}
    SearchFile("search.run", flags, identity or {"space": "gap5"}).claim(out / name, None)
    return out / name


def delete(out: Path, *argv: str) -> tuple[int, str]:
    return run_here(main, [*argv, "--out", str(out)])


def rows(out: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(out / "mlflow.db")) as store:
        return store.execute(f"select count(*) from {table}").fetchone()[0]


def content(out: Path) -> dict[str, bytes]:
    """Every file but those of locks."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file() and not path.name.startswith(".lock")
    }


def test_folder_runs_and_artifacts_go_together_and_for_good(copied):
    status, printed = delete(copied, "small", "--yes")
    assert status == 0, printed
    assert "7 runs" in printed
    assert not (copied / "small").exists()
    assert {table: rows(copied, table) for table in OF_A_RUN} == dict.fromkeys(OF_A_RUN, 0)
    assert not [path for path in (copied / "artifacts").rglob("*") if path.is_file()]


def test_another_search_of_the_same_name_keeps_its_runs(copied):
    client = MlflowClient(f"sqlite:///{copied / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("convoy/gap5-embedded").experiment_id
    tags = {"convoy.search": "small", "convoy.search_id": "another", "convoy.kind": "search"}
    other = client.create_run(experiment, tags=tags, run_name="small").info.run_id
    assert delete(copied, "small", "--yes")[0] == 0
    assert client.get_run(other).info.lifecycle_stage == "active"
    assert rows(copied, "runs") == 1


def test_of_a_copy_beside_the_original_the_folder_alone_goes(copied):
    shutil.copytree(copied / "small", copied / "copy")
    delete(copied, "copy", "--yes")
    assert not (copied / "copy").exists()
    assert (copied / "small").exists()
    assert rows(copied, "runs") == 7


def test_a_search_that_was_renamed_goes_with_its_runs(copied):
    (copied / "small").rename(copied / "renamed")
    assert delete(copied, "renamed", "--yes")[0] == 0
    assert rows(copied, "runs") == 0


def test_a_file_of_the_users_and_a_link_stay_and_are_named(copied):
    outside = copied / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (copied / "small" / "notes.txt").write_text("mine")
    (copied / "small" / "analysis").symlink_to(outside)
    status, printed = delete(copied, "small", "--yes")
    assert status == 0
    assert "stays      analysis, notes.txt" in printed
    assert {path.name for path in (copied / "small").iterdir()} == {"notes.txt", "analysis"}
    assert (outside / "file").exists()


def test_a_model_that_a_person_registered_keeps_a_search_unless_it_may_go_too(copied, finished):
    client = MlflowClient(f"sqlite:///{copied / 'mlflow.db'}")
    winner = finished.summary["best"]["run_id"]
    client.create_registered_model("digits")
    client.create_model_version("digits", "runs:/x/model", run_id=winner)
    before = content(copied / "small")
    status, printed = delete(copied, "small", "--yes")
    assert (status, "digits version 1" in printed, "--models" in printed) == (2, True, True)
    assert content(copied / "small") == before
    assert delete(copied, "small", "--yes", "--models")[0] == 0
    assert not client.search_model_versions("name = 'digits'")


def registered_winner(client: MlflowClient, run_id: str) -> str:
    """The version that the analysis of a winner registers, with its alias."""
    with contextlib.suppress(MlflowException):
        client.create_registered_model(WINNERS)
    version = client.create_model_version(WINNERS, f"runs:/{run_id}/model", run_id).version
    client.set_registered_model_alias(WINNERS, "winner", version)
    return version


def test_the_winner_s_version_goes_unasked_and_is_shown(copied, finished):
    client = MlflowClient(f"sqlite:///{copied / 'mlflow.db'}")
    registered_winner(client, finished.summary["best"]["run_id"])
    status, printed = delete(copied, "small", "--yes")
    assert (status, "model      convoy-gap5-embedded version 1, @winner" in printed) == (0, True)
    assert not client.search_model_versions(f"name = '{WINNERS}'")
    assert client.get_registered_model(WINNERS).aliases == {}


def test_the_alias_goes_over_to_the_latest_winner_that_stays(copied, finished):
    client = MlflowClient(f"sqlite:///{copied / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("convoy/gap5-embedded").experiment_id
    for begun in (2000, 1000):  # the latest has not the highest number
        registered_winner(client, client.create_run(experiment, begun).info.run_id)
    client.create_model_version(WINNERS, "elsewhere/model")  # a person's, of no run
    registered_winner(client, finished.summary["best"]["run_id"])
    assert delete(copied, "small", "--yes")[0] == 0
    assert int(client.get_model_version_by_alias(WINNERS, "winner").version) == 1


@pytest.mark.parametrize("step", ["the runs", "the folder"])
def test_one_that_was_interrupted_is_repeated(copied, monkeypatch, step):
    interrupted, usual = [], shutil.rmtree

    def interrupt(path, *args, **kwargs):
        if not interrupted and ("trial" in str(path)) == (step == "the folder"):
            interrupted.append(path)
            raise KeyboardInterrupt
        usual(path, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", interrupt)
        assert delete(copied, "small", "--yes")[0] == 130
    assert interrupted
    assert delete(copied, "small", "--yes")[0] == 0
    assert not (copied / "small").exists()
    assert rows(copied, "runs") == 0


@pytest.mark.parametrize(("answer", "goes"), [("y\n", True), ("n\n", False), ("", False)])
def test_on_a_terminal_it_asks(tmp_path, monkeypatch, answer, goes):
    made(tmp_path)
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    status, printed = delete(tmp_path, "s")
    assert "Delete " in printed
    assert (status, (tmp_path / "s").exists()) == ((0, False) if goes else (2, True))


def refusal(out: Path, capsys, *argv: str) -> str:
    """The line with which ``argv`` is refused; nothing has changed."""
    before = content(out)
    assert main(list(argv)) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert content(out) == before
    return told.err


def test_without_a_terminal_it_wants_to_be_told(tmp_path, capsys, monkeypatch):
    made(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert "--yes" in refusal(tmp_path, capsys, "s", "--out", str(tmp_path))


@pytest.mark.parametrize(
    "asked", ["link", "..", ".", "", "runs/../s", "outside", "fake", "artifacts", "mlflow.db", "/"]
)
def test_what_is_no_search_of_the_folder_is_refused(tmp_path, capsys, monkeypatch, asked):
    out = tmp_path / "runs"
    made(tmp_path, "outside")
    made(tmp_path)
    made(out)
    (out / "link").symlink_to(tmp_path / "outside")
    (out / "fake" / "trial-0000-abc").mkdir(parents=True)
    (out / "fake" / "summary.json").write_text("{}")
    (out / "artifacts").mkdir()
    (out / "mlflow.db").touch()
    monkeypatch.chdir(tmp_path)
    refusal(tmp_path, capsys, asked, "--yes")
    refusal(tmp_path, capsys, "s", asked, "--yes")  # of several none goes


def test_a_damaged_search_file_is_refused(tmp_path, capsys):
    (made(tmp_path) / "search.json").write_text("{")
    assert "damaged" in refusal(tmp_path, capsys, "s", "--yes", "--out", str(tmp_path))


def test_a_running_search_is_refused_and_so_is_its_leaderboard(tmp_path, capsys):
    flags = {"space": ["gap5", "nin"], "name": "both"}
    for name, identity in (("both", {}), ("both-nin", {"space": "nin"})):
        SearchFile("search.run", flags, identity).claim(tmp_path / name, None)
    with locked(tmp_path / "both-nin"):
        for name in ("both", "both-nin"):
            told = refusal(tmp_path, capsys, name, "--yes", "--out", str(tmp_path))
            assert "both-nin: the search is running" in told
    assert delete(tmp_path, "both", "--yes")[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"both-nin"}


def test_a_tracking_server_that_is_away_leaves_everything(tmp_path, capsys):
    folder = made(tmp_path)
    place = {"uri": "http://127.0.0.1:9", "experiment": "convoy/gap5", "artifacts": None}
    (folder / "records.json").write_text(json.dumps({"place": {**place, "search": "s"}}))
    told = refusal(tmp_path, capsys, "s", "--yes", "--out", str(tmp_path))
    assert "http://127.0.0.1:9: no tracking server answers" in told


def test_a_store_that_is_not_there_is_refused_where_it_is_given(tmp_path, capsys):
    made(tmp_path)
    flags = ["--out", str(tmp_path), "--tracking-uri", f"sqlite:///{tmp_path / 'slip.db'}"]
    assert "slip.db: there is no such file" in refusal(tmp_path, capsys, "s", "--yes", *flags)


def test_a_password_that_was_not_kept_is_asked_for(tmp_path, capsys):
    folder = made(tmp_path)
    place = {"uri": "postgresql://me:***@host/db", "experiment": "x", "artifacts": None}
    (folder / "records.json").write_text(json.dumps({"place": {**place, "search": "s"}}))
    told = refusal(tmp_path, capsys, "s", "--yes", "--out", str(tmp_path))
    assert "give --tracking-uri with it again" in told

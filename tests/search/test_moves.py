"""Folders of searches that were copied, moved or renamed: each is known by the id in it."""

import contextlib
import json
import shutil
import sqlite3
import tarfile
from pathlib import Path

import pytest
from conftest import FinishedSearch, forget_artifacts, run_here
from mlflow import MlflowClient

from analysis.run import _uri
from analysis.run import command_line as analysis_flags
from search.reconcile import main as reconcile
from search.records.about import About, Place, read_about
from search.records.ownership import original_of, owned
from search.records.run_reader import RecordedRuns
from search.records.search_file import SearchFile, read_search_file
from search.records.summary import read_summary
from search.request.options import SearchOptions
from search.request.parser import search_options
from search.request.planning import recorded
from search.request.resume import resumed
from search.trials.spec import Job
from trainables.boundary.errors import UsageError
from trainables.data import DataSpec

SERVER = "http://server:5000"
IDENTITY = {"space": "gap5", "budget": {"trials": 3, "epochs": 2}}
FLAGS = {"space": ["gap5"], "data": "embedded", "name": "first"}


def store_in(out: Path) -> str:
    return f"sqlite:///{out}/mlflow.db"


def begun(out: Path, name: str = "first", **flags) -> Path:
    """The folder of a search ``name`` that has just begun."""
    SearchFile("search.run", {**FLAGS, "name": name, **flags}, IDENTITY).claim(out / name, None)
    return out / name


def id_of(folder: Path) -> str:
    return read_search_file(folder).search_id


def flags_of(*argv: str) -> SearchOptions:
    return resumed(search_options(argv))


@pytest.mark.parametrize("store", ["", SERVER])
def test_a_copy_gets_an_id_of_its_own_and_the_original_keeps_its(tmp_path, store):
    first, store = begun(tmp_path), store or store_in(tmp_path)
    copy, before = tmp_path / "copy", id_of(first)
    shutil.copytree(first, copy)
    assert owned(copy, store).search_id != before
    assert owned(first, store).search_id == before
    assert owned(copy, store).search_id == id_of(copy)


def test_a_renamed_search_keeps_its_id_and_its_copy_does_not(tmp_path):
    first = begun(tmp_path)
    before = id_of(first)
    second = first.rename(tmp_path / "second")
    shutil.copytree(second, first)  # under the name that the original had
    assert owned(first, store_in(tmp_path)).search_id != before
    assert owned(second, store_in(tmp_path)).search_id == before


def test_two_copies_of_a_search_that_is_gone_end_with_two_ids(tmp_path):
    first, copies = begun(tmp_path), [tmp_path / "a", tmp_path / "b"]
    for copy in copies:
        shutil.copytree(first, copy)
    shutil.rmtree(first)
    assert len({owned(copy, SERVER).search_id for copy in copies}) == 2


def test_the_only_copy_of_a_search_that_is_gone_is_that_search(tmp_path):
    first = begun(tmp_path)
    before = id_of(first)
    shutil.copytree(first, tmp_path / "copy")
    shutil.rmtree(first)
    assert owned(tmp_path / "copy", SERVER).search_id == before


def test_a_copy_of_all_runs_has_its_own_id_where_the_store_is_shared_alone(tmp_path):
    first = begun(tmp_path / "runs")
    copy = tmp_path / "backup" / "first"
    shutil.copytree(tmp_path / "runs", tmp_path / "backup")
    assert owned(copy, store_in(tmp_path / "backup")).search_id == id_of(first)
    shutil.rmtree(copy)
    shutil.copytree(first, copy)
    assert owned(copy, SERVER).search_id != id_of(first)


def test_a_link_to_a_search_is_no_copy(tmp_path):
    first = begun(tmp_path)
    (tmp_path / "link").symlink_to(first)
    assert original_of(tmp_path / "link", SERVER) is None


def test_a_copy_of_a_search_of_the_first_version_is_told_by_its_name(tmp_path):
    first = begun(tmp_path)
    written = json.loads((first / "search.json").read_text())
    del written["folder"], written["inode"]
    (first / "search.json").write_text(json.dumps(written))
    shutil.copytree(first, tmp_path / "copy")
    assert original_of(first, SERVER) is None
    assert original_of(tmp_path / "copy", SERVER) == first


@pytest.mark.parametrize("asked", ["runs/first", "runs/first/", "./runs/../runs/first", "{}/first"])
def test_a_search_is_resumed_by_its_path(tmp_path, monkeypatch, asked):
    out = tmp_path / "runs"
    begun(out)
    monkeypatch.chdir(tmp_path)
    flags = flags_of("--resume", asked.format(out))
    assert (flags.resume, flags.name, flags.out) == ("first", "first", str(out))


def test_a_search_is_resumed_from_within_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(begun(tmp_path))
    assert flags_of("--resume", ".").out == str(tmp_path)


@pytest.mark.parametrize("asked", ["copy", "copy/", "{}/copy"])
def test_a_copy_is_resumed_under_its_own_name(tmp_path, asked):
    shutil.copytree(begun(tmp_path), tmp_path / "copy")
    flags = flags_of("--resume", asked.format(tmp_path), "--out", str(tmp_path))
    assert (flags.resume, flags.name) == ("copy", "copy")


def test_a_copy_of_one_of_several_searches_is_resumed_alone(tmp_path):
    identity = {**IDENTITY, "space": "nin"}
    written = SearchFile("search.run", {**FLAGS, "space": ["gap5", "nin"], "name": "g"}, identity)
    written.claim(tmp_path / "g-nin", None)
    shutil.copytree(tmp_path / "g-nin", tmp_path / "copy")
    copy = flags_of("--resume", "copy", "--out", str(tmp_path))
    assert (copy.name, copy.space, copy.trials, copy.epochs) == ("copy", ("nin",), 3, 2)
    whole = flags_of("--resume", "g-nin", "--out", str(tmp_path))
    assert (whole.name, whole.space) == ("g", ("gap5", "nin"))


def test_a_copy_of_a_group_alone_is_refused(tmp_path):
    group = SearchFile("search.run", {**FLAGS, "space": ["gap5", "nin"], "name": "g"}, {})
    group.claim(tmp_path / "g", None)
    shutil.copytree(tmp_path / "g", tmp_path / "copy")
    with pytest.raises(UsageError, match="rename or copy them too"):
        flags_of("--resume", "copy", "--out", str(tmp_path))


def test_a_relative_uri_is_recorded_with_the_folder_in_which_it_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = recorded(SearchOptions(tracking_uri="sqlite:///mine.db"))
    begun(tmp_path / "runs", **flags | FLAGS)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert flags_of("--resume", "../runs/first").tracking_uri == f"sqlite:///{tmp_path}/mine.db"


def test_a_relative_uri_of_the_first_version_makes_no_second_store(tmp_path, monkeypatch):
    begun(tmp_path / "runs", tracking_uri="sqlite:///mine.db")
    (tmp_path / "mine.db").touch()
    monkeypatch.chdir(tmp_path)
    assert flags_of("--resume", "first").tracking_uri == "sqlite:///mine.db"
    monkeypatch.chdir(tmp_path / "runs")
    with pytest.raises(UsageError, match=r"recorded in sqlite:///mine\.db, which does not exist"):
        flags_of("--resume", "first", "--out", ".")


@pytest.mark.parametrize(
    ("store", "now"),
    [("{0}/runs/mine.db", "{0}/moved/mine.db"), ("{0}/mine.db", "{0}/mine.db")],
)
def test_a_store_moves_with_the_folder_of_searches_that_it_is_in(tmp_path, store, now):
    job = Job("gap5", DataSpec(), "embedded", None, None, 4, 0, 1)
    uri = f"sqlite:///{store.format(tmp_path)}"
    first = begun(tmp_path / "runs", tracking_uri=uri)
    place = Place(uri, "e", str(tmp_path / "runs" / "artifacts"), "first")
    About(place, {}, {}, job, {}).write(first)
    (tmp_path / "runs").rename(tmp_path / "moved")
    moved = tmp_path / "moved" / "first"
    expected = f"sqlite:///{now.format(tmp_path)}"
    assert flags_of("--resume", str(moved)).tracking_uri == expected
    place = read_about(moved).place
    assert (place.uri, place.artifacts) == (expected, str(tmp_path / "moved" / "artifacts"))


@pytest.fixture
def copied(finished: FinishedSearch, tmp_path) -> Path:
    """A copy of a whole folder of searches, made as a user makes it."""
    out = tmp_path / "runs"
    shutil.copytree(finished.out, out, ignore=shutil.ignore_patterns("mlflow.db*"))
    with (  # as "sqlite3 .backup" does: this process may have the store open
        contextlib.closing(sqlite3.connect(finished.out / "mlflow.db")) as store,
        contextlib.closing(sqlite3.connect(out / "mlflow.db")) as copy,
    ):
        store.backup(copy)
    return out


def files_of(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_moved_search_is_read_and_written_where_it_is(copied, tmp_path):
    runs = RecordedRuns(store_in(copied), copied)
    run = runs.load(runs.winner_of("small"))
    assert run.weights
    runs.client.log_text(run.run_id, "text", "mine.txt")
    assert len(list(copied.rglob("mine.txt"))) == 1
    second = copied.rename(tmp_path / "second")
    forget_artifacts()
    again = RecordedRuns(store_in(second), second)
    assert again.load(run.run_id).weights
    again.client.log_text(run.run_id, "text", "more.txt")
    assert len(list(second.rglob("more.txt"))) == 1
    assert not copied.exists()
    assert Path(read_summary(second / "small")["best"]["checkpoint"]).is_relative_to(second)


def test_a_renamed_search_is_analysed_under_its_new_name(copied):
    (copied / "small").rename(copied / "second")
    runs = RecordedRuns(store_in(copied), copied)
    assert runs.load(runs.winner_of("second")).search == "second"
    assert runs.load(runs.winner_of("small")).search == "second"  # as the store calls it yet


def test_a_copied_search_is_recorded_beside_the_original(copied):
    shutil.copytree(copied / "small", copied / "copy")
    runs, before = RecordedRuns(store_in(copied), copied), files_of(copied / "small")
    original = runs.winner_of("small")
    with pytest.raises(UsageError, match=r"python -m search\.reconcile copy --out "):
        runs.winner_of("copy")
    assert run_here(reconcile, ["copy", "--out", str(copied)])[0] == 0
    assert runs.winner_of("small") == original != runs.winner_of("copy")
    assert runs.load(runs.winner_of("copy")).weights
    assert files_of(copied / "small") == before


def test_a_renamed_search_is_renamed_in_the_store(copied):
    (copied / "small").rename(copied / "second")
    assert run_here(reconcile, ["second", "--out", str(copied)])[0] == 0
    client = MlflowClient(store_in(copied))
    ids = [each.experiment_id for each in client.search_experiments()]
    runs = client.search_runs(ids)
    assert {run.data.tags["convoy.search"] for run in runs} == {"second"}
    assert all(run.info.run_name.startswith("second") for run in runs)
    assert not (copied / "small").exists()


def test_a_store_of_the_first_version_is_read_where_it_was_unpacked(tmp_path):
    archive = Path(__file__).parents[1] / "records" / "first_version.tar.xz"
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    out = tmp_path / "runs"
    runs = RecordedRuns(store_in(out), out)
    assert runs.load(runs.winner_of("whole")).weights
    assert read_about(out / "whole").place.uri == store_in(out)


def test_an_analysis_reads_the_store_that_a_relative_uri_means(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = _uri(analysis_flags().parse_args(["--tracking-uri", "sqlite:///none.db"]))
    with pytest.raises(UsageError, match=f"no records at {tmp_path}/none.db"):
        RecordedRuns(uri)

"""A local store: checked and settled without harm to those who have it open."""

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient
from sqlalchemy import make_url

from search.records.artifacts import make_experiment
from search.records.tracking import (
    absolute,
    check_uri,
    settle,
    sqlite_file,
    sqlite_uri,
    write_ahead,
)
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path

INSERT = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('insert into t values (1)'); c.commit(); c.close()"  # noqa: E501


@pytest.fixture
def store(tmp_path):
    """A store that is written ahead, and a reader of it."""
    file = tmp_path / "mlflow.db"
    reader = sqlite3.connect(file)
    reader.execute("create table t (x)")
    reader.commit()
    write_ahead(f"sqlite:///{file}")
    yield file, reader
    reader.close()


def mode(connection) -> str:
    return connection.execute("pragma journal_mode").fetchone()[0]


def count(connection) -> int:
    return connection.execute("select count(*) from t").fetchone()[0]


def test_a_reader_sees_what_others_write_after_the_store_was_checked(store):
    file, reader = store
    assert (count(reader), mode(reader)) == (0, "wal")
    check_uri(f"sqlite:///{file}")
    for rows in (1, 2):
        subprocess.run([sys.executable, "-c", INSERT, str(file)], check=True)
        assert count(reader) == rows


def test_a_settled_store_is_one_file_that_can_be_copied_alone(store):
    file, reader = store
    reader.execute("insert into t values (1)")
    reader.commit()
    reader.close()
    settle(f"sqlite:///{file}")
    assert [path.name for path in file.parent.iterdir()] == ["mlflow.db"]
    copy = sqlite3.connect(file)
    assert (count(copy), mode(copy)) == (1, "delete")


def test_a_store_that_someone_reads_is_settled_without_losing_a_row(store):
    file, reader = store
    reader.execute("insert into t values (1)")
    reader.commit()
    settle(f"sqlite:///{file}")
    assert count(reader) == 1


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path):
    file = tmp_path / "notes.db"
    file.write_text("no database, but long enough to hold a header of a hundred bytes" * 3)
    before = file.read_bytes()
    with pytest.raises(UsageError, match="is not an SQLite database"):
        check_uri(f"sqlite:///{file}")
    assert file.read_bytes() == before


ODD = [
    "a?b",
    "a#b",
    "a%20b",
    "100%",
    "%41?x=1",
    'it\'s "b"',
    "a&b;c:d@e",
    "back\\slash",
    "-x",
    "~t",
]
ODD += ["漢字 ümlaut", "[x]*", "{}$HOME", "sqlite:", "x" * 255]


@pytest.mark.parametrize("name", ODD)
def test_any_name_of_a_folder_stands_in_a_uri(name):
    file = Path("/runs", name, "mlflow.db")
    uri = sqlite_uri(file)
    assert make_url(uri).database == str(sqlite_file(uri)) == str(file)
    assert absolute(uri) == uri


@pytest.mark.parametrize("name", [name for name in ODD if len(name) < 250])
def test_a_store_and_its_artifacts_lie_in_a_folder_of_any_name(name, _empty_store, tmp_path):
    out = tmp_path / "in" / name
    out.mkdir(parents=True)
    with (
        contextlib.closing(sqlite3.connect(_empty_store)) as source,
        contextlib.closing(sqlite3.connect(out / "mlflow.db")) as copy,
    ):
        source.backup(copy)
    client, uri = MlflowClient(sqlite_uri(out / "mlflow.db")), sqlite_uri(out / "mlflow.db")
    run = client.create_run(make_experiment(client, "convoy/e", uri, out / "artifacts"))
    client.log_text(run.info.run_id, "text", "file.txt")
    assert (out / f"artifacts/convoy/e/{run.info.run_id}/artifacts/file.txt").read_text() == "text"
    assert [path.name for path in out.parent.iterdir()] == [name]


def test_a_relative_uri_means_the_folder_in_which_it_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("sqlite:///mine.db") == f"sqlite:///{tmp_path}/mine.db"
    assert absolute("sqlite:///a/../b.db?timeout=9") == f"sqlite:///{tmp_path}/b.db?timeout=9"
    assert check_uri("sqlite:///mine.db") == f"sqlite:///{tmp_path}/mine.db"


@pytest.mark.parametrize("written", ["a?b", "a?timeout=3/c", "a%3Fb", "a%20b", "a b"])
def test_a_path_may_be_written_as_it_is(written, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / written).mkdir(parents=True)
    file = tmp_path / written / "m.db"
    assert sqlite_file(absolute(f"sqlite:///{written}/m.db")) == file


@pytest.mark.parametrize(
    ("name", "shown"), [("a\nb", r"'a\nb'"), ("a\tb", r"'a\tb'"), ("b\udcffd", r"'b\udcffd'")]
)
def test_a_folder_that_no_line_can_name_is_refused_in_one(name, shown):
    with pytest.raises(UsageError) as refusal:
        user_path(name, "--out")
    assert str(refusal.value).startswith(f"--out {shown}: not a path that can be used (")
    assert str(refusal.value).isprintable()

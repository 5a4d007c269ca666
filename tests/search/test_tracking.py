"""A local store: checked and settled without harm to those who have it open."""

import sqlite3
import subprocess
import sys

import pytest

from search.tracking import check_uri, settle, write_ahead
from trainables.boundary.errors import UsageError

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

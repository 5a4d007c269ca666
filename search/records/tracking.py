"""The URI of MLflow's store, checked before a search or an analysis relies on it."""

import os
import re
import shlex
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.boundary.secrets import MASK, masked

VARIABLE = "MLFLOW_TRACKING_URI"
_USER, _PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
_DATABASES = ("postgresql", "mysql", "mssql")
_SQLITE = "sqlite:///"
_QUERY = re.compile(r"\w+=[^&=/]*(&\w+=[^&=/]*)*")  # anything else after a ? belongs to the path


def sqlite_uri(file: Path) -> str:
    """The URI of the store in an SQLite file.

    A path that SQLAlchemy would misread is encoded as a whole, including its slashes, because
    MLflow makes the folders that it sees in a URI.
    """
    plain = f"{_SQLITE}{file}"
    as_it_is = "?" not in plain and unquote(plain) == plain == masked(plain)
    return plain if as_it_is else _SQLITE + quote(str(file), safe="")


def sqlite_file(uri: str) -> Path:
    """The file of a ``sqlite:///`` URI."""
    return Path(unquote(uri.removeprefix(_SQLITE).partition("?")[0]))


def default_uri(out: Path) -> str:
    """The URI of the store in a folder of searches."""
    return sqlite_uri(out / "mlflow.db")


def absolute(uri: str) -> str:
    """``uri``, with an absolute path if it is that of an SQLite file.

    The path in it may be plain or encoded.

    Raises:
        UsageError: it holds no usable path.
    """
    if not uri.startswith(_SQLITE) or uri == _SQLITE:
        return uri
    written, mark, query = uri.removeprefix(_SQLITE).partition("?")
    if not _QUERY.fullmatch(query):
        written, mark, query = f"{written}{mark}{query}", "", ""
    file = user_path(unquote(written), "--tracking-uri")
    if not file.parent.is_dir() and not written.startswith("%2F"):
        plain = user_path(written, "--tracking-uri")
        file = plain if plain.parent.is_dir() else file
    return sqlite_uri(file) + mark + query


def check_uri(uri: str) -> str:
    """``absolute(uri)``, if MLflow can probably keep records there.

    Raises:
        UsageError: its kind is unknown, its file is not an SQLite database, or its server or
            database does not answer.
    """
    scheme = _parts(uri).scheme.split("+")[0]
    if MASK in uri:
        raise UsageError(
            f"--tracking-uri {uri}: the password was not kept; give --tracking-uri with it again"
        )
    uri = absolute(uri)
    if uri.startswith(_SQLITE) and uri != _SQLITE:
        _check_sqlite(sqlite_file(uri))
    elif scheme in ("http", "https"):
        _check_answers(uri)
    elif scheme in _DATABASES:
        _check_connects(uri)
    else:
        raise UsageError(
            f"--tracking-uri {uri}: must begin with sqlite:///, postgresql://, mysql://, mssql://, "
            "http:// or https://; a file is sqlite:///PATH"
        )
    return uri


def check_admits(uri: str) -> None:
    """Send a tracking server a request, with the user and password that MLflow would use.

    Raises:
        UsageError: it refuses them, or does not answer as a tracking server does.
    """
    if not uri.startswith(("http:", "https:")):
        return
    from mlflow import MlflowClient  # takes seconds to import
    from mlflow.exceptions import MlflowException

    try:
        MlflowClient(uri).search_experiments(max_results=1)
    except MlflowException as error:
        unknown = error.error_code == "UNAUTHENTICATED"
        reason = _refusal(uri) if unknown else " ".join(str(error).split())[:300]
        raise UsageError(f"--tracking-uri {uri}: {reason}") from error


def _refusal(uri: str) -> str:
    """Why the server refuses, and what to do."""
    user = user_of(uri)
    whom = f"refuses user {user!r} with this password" if user else "wants a user and a password"
    return f"the server {whom}; set {_USER} and {_PASSWORD}"


def user_of(uri: str) -> str | None:
    """The user for a tracking server; None if there is none or MLflow's own file names it."""
    return _parts(uri).username or os.environ.get(_USER)


def in_shell(uri: str) -> str:
    """``uri`` for a printed command, without a password, which histories and logs would keep.

    For a server the user and password are omitted, as MLflow reads them from its variables; the URI
    of a database becomes a variable as a whole.
    """
    if masked(uri) == uri:
        return shlex.quote(uri)
    return shlex.quote(masked(public(uri))) if uri.startswith("http") else f'"${VARIABLE}"'


def secret_lines(uri: str) -> list[str]:
    """What to do before a command with ``in_shell(uri)``; empty without a password in ``uri``."""
    if masked(uri) == uri:
        return []
    if uri.startswith("http"):
        return [f"password   not shown; set {_USER} and {_PASSWORD}"]
    return [f"password   not shown; before these commands, set {VARIABLE} to the URI with it"]


def public(uri: str) -> str:
    """``uri`` without user and password."""
    parts = _parts(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def write_ahead(uri: str) -> None:
    """Let a local SQLite store append to a log, which takes half as long as its usual way.

    A store that is in use, or on a file system that cannot do this, stays as it is.
    """
    _pragma(uri, "journal_mode = WAL")


def settle(uri: str) -> None:
    """Merge a local SQLite store back into its one file, unless another process has it open."""
    _pragma(uri, "wal_checkpoint(TRUNCATE)")
    _pragma(uri, "journal_mode = DELETE")


def _pragma(uri: str, statement: str) -> None:
    if not uri.startswith(_SQLITE):
        return
    with (
        suppress(sqlite3.Error),  # MLflow reports what is wrong with a store
        closing(sqlite3.connect(sqlite_file(uri), timeout=0)) as connection,
    ):
        connection.execute(f"PRAGMA {statement}")


def _check_sqlite(path: Path) -> None:
    """Read the file only with SQLite: opening and closing it in Python would break its locks."""
    if not path.exists():
        return
    if not path.is_file() or not os.access(path, os.R_OK):
        raise UsageError(
            f"--tracking-uri: cannot read {path}; change its permissions, or choose another file"
        )
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise UsageError(f"--tracking-uri: {path} is not an SQLite database ({error})") from error


def _parts(uri: str) -> SplitResult:
    """The parts of ``uri``.

    Raises:
        UsageError: it is not a URI. The library's message, maybe with a password, is not quoted.
    """
    try:
        parts = urlsplit(uri)
        _ = parts.port
        return parts
    except ValueError as error:
        raise UsageError(
            f"--tracking-uri {uri}: not a valid URI; in a password, write %2F for / and %40 for @"
        ) from error


def _check_connects(uri: str) -> None:
    """Connect to a database once, as MLflow would try for an hour before it reports why not."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(uri)
        engine.connect().close()
        engine.dispose()
    except (SQLAlchemyError, ImportError) as error:  # ImportError: its driver is not installed
        reason = " ".join(str(error).split())[:300]
        raise UsageError(f"--tracking-uri {uri}: cannot connect ({reason})") from error


def _check_answers(uri: str) -> None:
    """Check that a server answers, without sending the password: MLflow reports a wrong one."""
    try:
        address = f"{public(uri).rstrip('/')}/health"
        with urllib.request.urlopen(address, timeout=10):  # nosec B310 # http(s) alone
            pass
    except urllib.error.HTTPError:
        pass  # it answers; MLflow may still read a missing password from the environment
    except UsageError:
        raise
    except (OSError, ValueError, HTTPException) as error:
        raise UsageError(
            f"--tracking-uri {uri}: no tracking server answers ({error}); start it, or give another"
        ) from error

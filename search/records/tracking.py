"""Where MLflow keeps its records, checked before a search or an analysis relies on it."""

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
_QUERY = re.compile(r"\w+=[^&=/]*(&\w+=[^&=/]*)*")  # anything else behind a ? is of the path


def sqlite_uri(file: Path) -> str:
    """The URI of the store in an SQLite file.

    A path that SQLAlchemy would not read as it is gets encoded as a whole, its slashes too: MLflow
    makes the folders that it sees in a URI.
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
    """``uri``, if it is that of an SQLite file with the file's absolute path.

    A path may stand in it as it is, or encoded.

    Raises:
        UsageError: it holds no path that can be used.
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
    """``uri`` as ``absolute`` has it, if MLflow can be expected to keep records there.

    Raises:
        UsageError: an unknown kind, a file that is no SQLite database, or a server or database that
            is silent.
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
    """Ask a tracking server for something, with the user and password that MLflow would use.

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
    """Whom the server refuses, and what to do."""
    user = user_of(uri)
    whom = f"refuses user {user!r} with this password" if user else "wants a user and a password"
    return f"the server {whom}; set {_USER} and {_PASSWORD}"


def user_of(uri: str) -> str | None:
    """The user for a tracking server, unless it stands in MLflow's own file."""
    return _parts(uri).username or os.environ.get(_USER)


def in_shell(uri: str) -> str:
    """``uri`` as a command for the user shows it, without a password: histories and logs keep it.

    That of a server is left out, as MLflow takes it from its variables; the whole URI of a database
    becomes a variable.
    """
    if masked(uri) == uri:
        return shlex.quote(uri)
    return shlex.quote(masked(public(uri))) if uri.startswith("http") else f'"${VARIABLE}"'


def secret_lines(uri: str) -> list[str]:
    """What to do before a command that ``in_shell`` made; none without a password in ``uri``."""
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
    """Have a local SQLite store append to a log, which takes half as long as its usual way.

    A store that is in use, or on a file system that cannot do it, is left as it is.
    """
    _pragma(uri, "journal_mode = WAL")


def settle(uri: str) -> None:
    """Bring a local SQLite store back into its one file, unless someone else has it open."""
    _pragma(uri, "wal_checkpoint(TRUNCATE)")
    _pragma(uri, "journal_mode = DELETE")


def _pragma(uri: str, statement: str) -> None:
    if not uri.startswith(_SQLITE):
        return
    with (
        suppress(sqlite3.Error),  # MLflow says what is wrong with a store that cannot be opened
        closing(sqlite3.connect(sqlite_file(uri), timeout=0)) as connection,
    ):
        connection.execute(f"PRAGMA {statement}")


def _check_sqlite(path: Path) -> None:
    """Read by SQLite itself: to open and close the file in Python too would break its locks."""
    if not path.exists():
        return
    if not path.is_file() or not os.access(path, os.R_OK):
        raise UsageError(
            f"--tracking-uri: {path} cannot be read; change its permissions, or name another"
        )
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise UsageError(f"--tracking-uri: {path} is not an SQLite database ({error})") from error


def _parts(uri: str) -> SplitResult:
    """The parts of ``uri``; an error does not quote the library's, which may hold half a password.

    Raises:
        UsageError: it is not an address.
    """
    try:
        parts = urlsplit(uri)
        _ = parts.port
        return parts
    except ValueError as error:
        raise UsageError(
            f"--tracking-uri {uri}: not an address; in a password, write %2F for / and %40 for @"
        ) from error


def _check_connects(uri: str) -> None:
    """Connect to a database once: MLflow would try for an hour before it said why it cannot."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(uri)
        engine.connect().close()
        engine.dispose()
    except (SQLAlchemyError, ImportError) as error:  # the latter: its driver is not installed
        reason = " ".join(str(error).split())[:300]
        raise UsageError(f"--tracking-uri {uri}: cannot be connected to ({reason})") from error


def _check_answers(uri: str) -> None:
    """A password in ``uri`` is not sent: whether it is right, MLflow says."""
    try:
        address = f"{public(uri).rstrip('/')}/health"
        with urllib.request.urlopen(address, timeout=10):  # nosec B310 # http(s) alone
            pass
    except urllib.error.HTTPError:
        pass  # it answers; a password may be missing, which MLflow takes from the environment
    except UsageError:
        raise
    except (OSError, ValueError, HTTPException) as error:
        raise UsageError(
            f"--tracking-uri {uri}: no tracking server answers ({error}); start it, or name another"
        ) from error

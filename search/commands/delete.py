"""``search.delete``: remove searches with their folders and MLflow runs."""

import argparse
import shutil
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from search import environment
from search.commands.searches import members, out_folder, search_named, seen
from search.driver.lock import holder_of, is_locked, locked
from search.records.disk_use import size_of
from search.records.overview import SearchOverview, search_file_in
from search.records.own_files import own_entries
from search.records.ownership import original_of
from search.records.place import place_in
from search.records.search_file import FILE
from search.records.tracking import default_uri, sqlite_file
from search.request.parser import add_flags, add_recorded_uri
from search.trials.text import size
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError, printable, some
from trainables.boundary.secrets import masked
from trainables.boundary.wording import counted

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from search.records.disposal import SearchDisposal, SearchRuns

_EXAMPLES = """examples:
  python -m search.delete gap5-20261121-101500
  python -m search.delete NAME NAME --out DIR --yes
"""


@dataclass(frozen=True)
class Deletion:
    """Everything that is deleted with a search.

    Attributes:
        view: the search.
        own: files and folders that Convoy made in the search's folder.
        others: files and folders there that stay.
        store: the store of its runs; None for a copy that was never recorded.
        runs: its runs in the store.
    """

    view: SearchOverview
    own: list[Path]
    others: list[Path]
    store: "SearchDisposal | None"
    runs: "SearchRuns | None"

    @property
    def bytes(self) -> int:
        """The number of bytes to delete."""
        files = sum(size_of(path) if path.is_dir() else path.stat().st_size for path in self.own)
        return files + (self.runs.bytes if self.runs and self.store and self.store.frees else 0)


def run(argv: list[str]) -> int:
    """Run the command line ``argv``; its exit status. UsageError names what is wrong."""
    arguments = command_line().parse_args(argv)
    out = out_folder(arguments.out)
    folders = list(dict.fromkeys(search_named(name, out) for name in arguments.names))
    for folder in folders:
        _check(folder)
    if not arguments.yes and not sys.stdin.isatty():
        raise UsageError("no terminal to ask on; give --yes to delete without a question")
    _check_store(arguments.tracking_uri)
    environment.prepare(loopback=True)
    with ExitStack() as stack:
        views = [view for folder in folders if (view := seen(folder)) is not None]
        for folder in folders:
            stack.enter_context(locked(folder))
        deletions = _planned(views, arguments.tracking_uri, arguments.models)
        for each in deletions:
            print("\n".join(_lines(each)))
        total = size(sum(each.bytes for each in deletions))
        if not arguments.yes and not _agreed(f"Delete {total}? [y/N] "):
            raise UsageError("nothing was deleted")
        for each in deletions:
            _delete(each)
            print(f"{printable(each.view.name)}: deleted")
    return 0


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.delete",
        description="Delete searches with their folders and MLflow runs; list them and ask first.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="name of a search")
    add_flags(parser, "out")
    parser.add_argument("--yes", action="store_true", help="delete without asking")
    parser.add_argument(
        "--models",
        action="store_true",
        help="also delete the model versions that you registered under other names",
    )
    add_recorded_uri(parser)
    return parser


def _check(folder: Path) -> None:
    """Raise UsageError unless ``folder`` is that of a search which does not run."""
    written = search_file_in(folder)
    if folder.is_symlink():
        raise UsageError(f"{folder.name}: a link to {folder.readlink()}; delete the search there")
    if written is None:
        raise UsageError(
            f"{folder.name}: {folder / FILE} is damaged, so the search's runs are unknown; remove "
            "the folder yourself"
        )
    for each in (folder, *members(folder, written)):
        if is_locked(each):
            raise UsageError(
                f"{each.name}: the search is running as {holder_of(each)}; stop it first: "
                "python -m search.stop"
            )


def _check_store(uri: str | None) -> None:
    """Raise UsageError if the store is a file that does not exist: the runs would remain."""
    if uri and uri.startswith("sqlite:") and not sqlite_file(uri).is_file():
        raise UsageError(
            f"--tracking-uri {uri}: there is no such file; omit the flag to use the store in which "
            "the search recorded"
        )


def _planned(views: list[SearchOverview], uri: str | None, models: bool) -> list[Deletion]:
    """What to delete with each search.

    Raises:
        UsageError: a store does not answer, or a user has registered a model of a search.
    """
    stores: dict[str, SearchDisposal] = {}
    deletions = [_deletion(view, uri, stores) for view in views]
    versions = [
        f"{version.name} version {version.version}"
        for each in deletions
        if each.runs
        for version in each.runs.other_versions
    ]
    if versions and not models:
        raise UsageError(
            f"registered models have versions from these searches ({some(versions)}); give "
            "--models to delete those versions too"
        )
    return deletions


def _deletion(
    view: SearchOverview, uri: str | None, stores: "dict[str, SearchDisposal]"
) -> Deletion:
    from search.records.disposal import SearchDisposal  # MLflow takes seconds to import

    folder = view.folder
    written = search_file_in(folder)
    assert written is not None  # it was checked
    own, others = own_entries(folder)
    place = place_in(folder)
    where = uri or (place.uri if place else _asked_for(written.flags) or default_uri(folder.parent))
    if original_of(folder, where) is not None:
        return Deletion(view, own, others, None, None)
    store = stores.get(where) or stores.setdefault(where, SearchDisposal(where, folder.parent))
    return Deletion(view, own, others, store, store.runs_of(written.search_id))


def _asked_for(flags: dict[str, object]) -> str:
    return str(flags.get("tracking_uri") or "")


def _lines(deletion: Deletion) -> list[str]:
    view, store, runs = deletion.view, deletion.store, deletion.runs
    lines = [
        f"{printable(view.name)}: {view.state}, {view.done:,} of "
        f"{counted(view.requested, 'trial')}",
        f"folder     {printable(str(view.folder))}, {size(deletion.bytes)}",
    ]
    if store is None or runs is None:
        lines.append("runs       none of its own: a copy that was never recorded")
    else:
        kind = "" if store.frees else ", marked as deleted there: mlflow gc frees them"
        where = printable(masked(store.uri))
        lines.append(f"runs       {counted(len(runs.runs), 'run')} in {where}{kind}")
        lines += map(_version_line, (*runs.versions, *runs.other_versions))
    names = [printable(path.name) for path in deletion.others]
    return [*lines, *([f"stays      {some(names)}: not made by Convoy"] if names else [])]


def _version_line(version: "ModelVersion") -> str:
    aliases = "".join(f", @{alias}" for alias in version.aliases)
    return f"model      {printable(version.name)} version {version.version}{aliases}"


def _agreed(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _delete(deletion: Deletion) -> None:
    """Delete the runs, then the files, ``search.json`` last, so that the command can be repeated.

    Raises:
        UsageError: a file cannot be deleted.
    """
    if deletion.store is not None and deletion.runs is not None:
        deletion.store.remove(deletion.runs)
    folder = deletion.view.folder
    try:
        for path in sorted(deletion.own, key=lambda path: path.name == FILE):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        if not deletion.others:
            folder.rmdir()
    except OSError as error:
        raise UsageError(
            f"{folder.name}: cannot delete {error.filename} ({error.strerror}); the search's runs "
            "are deleted; repeat the command to delete the rest"
        ) from error

"""The bytes of a search on disk: its folder, and the artifacts of its runs in a local store."""

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit


def size_of(folder: Path | str) -> int:
    """The bytes of all files below ``folder``, without following links; 0 if it does not exist."""
    return sum(entry.stat(follow_symlinks=False).st_size for entry in _files(folder))


def _files(folder: Path | str) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            inside = list(entries)
    except OSError:
        return
    for entry in inside:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        else:
            yield entry


def artifact_folders(store: Path) -> dict[str, list[Path]]:
    """The artifact folders of runs and models in an SQLite store, by the ids of their searches.

    It can be read while a search writes to it. A store that cannot be read gives no folders.
    """
    folders: dict[str, list[Path]] = defaultdict(list)
    try:
        with closing(sqlite3.connect(f"file:{quote(str(store))}?mode=ro", uri=True)) as database:
            for question in (_OF_RUNS, _OF_MODELS):
                for search_id, uri in database.execute(question):
                    folders[search_id].append(Path(unquote(urlsplit(uri).path)))
    except sqlite3.Error:  # an older store has no models
        pass
    return dict(folders)


_OF_RUNS = """
select tags.value, artifact_uri from tags join runs using (run_uuid)
where tags.key = 'convoy.search_id' and artifact_uri like 'file:%'"""
_OF_MODELS = """
select tags.value, artifact_location from tags join logged_models on source_run_id = run_uuid
where tags.key = 'convoy.search_id' and artifact_location like 'file:%'"""

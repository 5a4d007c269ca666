"""The MLflow runs of a search's trials, read from a local store without MLflow."""

import sqlite3
from contextlib import closing
from pathlib import Path

from search.records.ownership import id_in, original_of
from search.records.place import place_in
from search.records.tracking import sqlite_file

_QUERY = """
select trial.value, trial.run_uuid from tags trial
join tags search on search.run_uuid = trial.run_uuid
join runs on runs.run_uuid = trial.run_uuid
where trial.key = 'convoy.trial_id' and search.key = 'convoy.search_id' and search.value = ?
and runs.lifecycle_stage = 'active'
"""


def run_ids(folder: Path) -> dict[str, str]:
    """The run of each trial of the search in ``folder``; empty unless its store is a local file.

    A server or a database is not asked, as that may be slow or impossible.
    """
    place = place_in(folder)
    if place is None or not place.uri.startswith("sqlite:"):
        return {}
    file = sqlite_file(place.uri).absolute()
    if not file.is_file() or original_of(folder, place.uri):
        return {}
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as store:
            return dict(store.execute(_QUERY, (id_in(folder),)))
    except sqlite3.Error:  # another program's database, or a locked one
        return {}

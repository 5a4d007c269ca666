"""Find the model of a search's winner."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from analysis.model import CARD, FOLDER, LOGGED
from search import environment
from search.records.tracking import default_uri
from search.space.naming import is_name
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest

_LOGGED_FOLDER = f"{FOLDER}/artifacts/{FOLDER}"  # its place among the artifacts of a run


def searches_with_models(runs: Path) -> list[str]:
    """Names of the searches in the folder ``runs`` whose analysis wrote a model."""
    return sorted(path.parts[-4] for path in runs.glob(f"*/analysis/{FOLDER}/{CARD}"))


@contextmanager
def model_of_search(name: str, runs: Path, uri: str | None) -> Iterator[Path]:
    """Yield the folder of the model of a search's winner; it may exist only within the context.

    It is the folder that an analysis wrote into the search's folder. If there is none there, or if
    ``uri`` is given, it is a copy of the model that an analysis logged to the winner's run.

    Args:
        name: name of the search.
        runs: the folder of searches.
        uri: URI of the tracking store; None stands for the store in ``runs``.

    Raises:
        UsageError: there is no such search, or no analysis has made its winner's model yet.
    """
    if not is_name(name) or (uri is None and not (runs / name).is_dir()):
        names = [path.name for path in runs.iterdir() if path.is_dir()] if runs.is_dir() else []
        near = nearest(name, names) or "; if it is recorded elsewhere, give --tracking-uri"
        raise UsageError(f"--search {name}: there is no search {name!r} in {runs}{near}")
    local, winner = runs / name / "analysis" / FOLDER, _run_of(runs / name / "summary.json", "best")
    written = None if uri else _run_of(local / CARD)
    if written is not None and winner in (None, written):
        yield local
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield _downloaded(name, uri or default_uri(runs), Path(scratch))


def _run_of(path: Path, *keys: str) -> str | None:
    """The run's id in a JSON file, below ``keys``; None if there is none."""
    try:
        document: Any = json.loads(path.read_bytes())
        for key in (*keys, "run_id"):
            document = document[key]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return document if isinstance(document, str) else None


def _downloaded(name: str, uri: str, scratch: Path) -> Path:
    """Download the model that was logged to the run of a search's winner into ``scratch``."""
    environment.prepare(loopback=True)
    from search.records.run_reader import RecordedRuns  # imports MLflow, which takes seconds

    records = RecordedRuns(uri)
    run_id = records.winner_of(name)
    with records.answering():
        if LOGGED in records.client.get_run(run_id).data.tags:
            return Path(records.client.download_artifacts(run_id, _LOGGED_FOLDER, str(scratch)))
    raise UsageError(
        f"--search {name}: no analysis has made the model of its winner yet; "
        f"make it: python -m analysis.run --search {name}"
    )

"""Where the model of a search's winner is."""

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

_LOGGED_FOLDER = f"{FOLDER}/artifacts/{FOLDER}"  # in the artifacts of a run


def searches_with_models(runs: Path) -> list[str]:
    """The searches in the folder ``runs`` whose analysis wrote a model, by name."""
    return sorted(path.parts[-4] for path in runs.glob(f"*/analysis/{FOLDER}/{CARD}"))


@contextmanager
def model_of_search(name: str, runs: Path, uri: str | None) -> Iterator[Path]:
    """The folder of the model of a search's winner, while the context lasts.

    It is the one that the analysis wrote into the search's folder; else, of an analysis that was
    written elsewhere, and where a store is named, the one that it logged to the winner's run.

    Args:
        name: of the search.
        runs: the folder of searches.
        uri: of the tracking store; None stands for the one in ``runs``.

    Raises:
        UsageError: there is no such search, or no analysis has made its winner's model yet.
    """
    if not is_name(name) or (uri is None and not (runs / name).is_dir()):
        names = [path.name for path in runs.iterdir() if path.is_dir()] if runs.is_dir() else []
        near = nearest(name, names) or "; where it is recorded elsewhere, give --tracking-uri"
        raise UsageError(f"--search {name}: there is no search {name!r} in {runs}{near}")
    local, winner = runs / name / "analysis" / FOLDER, _run_of(runs / name / "summary.json", "best")
    written = None if uri else _run_of(local / CARD)
    if written is not None and winner in (None, written):
        yield local
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield _downloaded(name, uri or default_uri(runs), Path(scratch))


def _run_of(path: Path, *keys: str) -> str | None:
    """The run's id that a JSON file tells of, below ``keys``; None if it tells of none."""
    try:
        document: Any = json.loads(path.read_bytes())
        for key in (*keys, "run_id"):
            document = document[key]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return document if isinstance(document, str) else None


def _downloaded(name: str, uri: str, scratch: Path) -> Path:
    """The model that was logged to the run of a search's winner, downloaded into ``scratch``."""
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

"""The place where a search is recorded, also after its folder was moved. It imports little."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from search.records.ownership import moved

FILE = "records.json"


@dataclass(frozen=True)
class Place:
    """The place where a search is recorded.

    Attributes:
        uri: MLflow's tracking URI.
        experiment: name of the experiment, ``convoy/SPACE``.
        artifacts: folder for the artifacts of a local store; None lets the server choose.
        search: name of the search.
        kind: ``search`` or ``ablation``.
        group: name of the leaderboard that the search belongs to; empty without one.
    """

    uri: str
    experiment: str
    artifacts: str | None
    search: str
    kind: str = "search"
    group: str = ""


def located(place: Place, folder: Path) -> Place:
    """``place`` for a search that is now in ``folder``."""
    place = replace(place, search=folder.name)
    if place.artifacts is None:
        return place
    before, out = Path(place.artifacts).parent, folder.parent
    return replace(place, uri=moved(place.uri, before, out), artifacts=str(out / "artifacts"))


def place_in(folder: Path) -> Place | None:
    """The place of the search in ``folder``; None if its file is missing or damaged."""
    try:
        document = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return located(Place(**document["place"]), folder)
    except (OSError, ValueError, TypeError, KeyError):
        return None

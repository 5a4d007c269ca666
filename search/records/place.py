"""Where a search is recorded, as its folder says, also once that was moved. Imports little."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from search.records.ownership import moved

FILE = "records.json"


@dataclass(frozen=True)
class Place:
    """Where a search is recorded.

    Attributes:
        uri: MLflow's tracking URI.
        experiment: name of the experiment, ``convoy/SPACE``.
        artifacts: folder for the artifacts of a local store; None lets the server choose.
        search: name of the search.
        kind: ``search`` or ``ablation``.
        group: name of the leaderboard that the search belongs to, or empty.
    """

    uri: str
    experiment: str
    artifacts: str | None
    search: str
    kind: str = "search"
    group: str = ""


def located(place: Place, folder: Path) -> Place:
    """``place`` as of a search that is in ``folder`` now."""
    place = replace(place, search=folder.name)
    if place.artifacts is None:
        return place
    before, out = Path(place.artifacts).parent, folder.parent
    return replace(place, uri=moved(place.uri, before, out), artifacts=str(out / "artifacts"))


def place_in(folder: Path) -> Place | None:
    """Where the search in ``folder`` is recorded; None if it does not say, or not legibly."""
    try:
        document = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return located(Place(**document["place"]), folder)
    except (OSError, ValueError, TypeError, KeyError):
        return None

"""What a search's records hold and its trials' files do not: ``records.json``."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from search.records.ownership import moved
from search.selection.rule import Rule
from search.space.constraints import Constraints, Measure
from search.trials.spec import Job
from trainables.boundary.atomic import atomic_file
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked

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


@dataclass(frozen=True)
class About:
    """All of a search's records that its trials' files do not hold, as ``records.json`` has it.

    Attributes:
        place: where they are kept.
        params: of the search as a whole.
        trial_params: of every trial, besides its values.
        job: what all trials share.
        data: the data's name, sizes and fingerprint.
        constraints: what the winner must hold, as the space file writes it.
        images: how many validation images each bounded figure is a share of.
        budgets: what it was asked for, the earlier ones first, the present one last.
    """

    place: Place
    params: dict[str, Any]
    trial_params: dict[str, Any]
    job: Job
    data: dict[str, Any]
    constraints: dict[str, dict[str, float]] = field(default_factory=dict)
    images: dict[Measure, int] = field(default_factory=dict)
    budgets: list[dict[str, int]] = field(default_factory=list)

    @property
    def rule(self) -> Rule:
        """What orders the trials.

        Raises:
            ValueError: a constraint is not valid.
        """
        return Rule(TypeAdapter(Constraints).validate_python(self.constraints), self.images)

    def write(self, folder: Path) -> None:
        """Write it into a search's folder, without the password that the URI may hold."""
        public = replace(self, place=replace(self.place, uri=masked(self.place.uri)))
        with atomic_file(folder / FILE) as file:
            file.write(json.dumps(asdict(public), indent=2).encode())


def read_about(folder: Path) -> About:
    """What ``About.write`` wrote into a search's folder, with the paths that it has there now.

    Raises:
        UsageError: it is missing, or damaged.
    """
    path = folder / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        place, job = Place(**document.pop("place")), Job.of(document.pop("job"))
        place = _here(place, folder)
        return About(place=place, job=job, **document)
    except FileNotFoundError as error:
        raise UsageError(f"{folder.name}: there are no records of a search in {folder}") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path} is damaged ({error}); --resume writes it anew") from error


def _here(place: Place, folder: Path) -> Place:
    """``place`` as of a search that is in ``folder`` now."""
    place = replace(place, search=folder.name)
    if place.artifacts is None:
        return place
    before, out = Path(place.artifacts).parent, folder.parent
    return replace(place, uri=moved(place.uri, before, out), artifacts=str(out / "artifacts"))

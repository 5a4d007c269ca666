"""``records.json``: what a search's records hold besides its trials' files."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from search.records.place import FILE, Place, located
from search.selection.rule import Rule
from search.space.constraints import Constraints, Measure
from search.trials.spec import Job
from trainables.boundary.atomic import atomic_file
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked


@dataclass(frozen=True)
class About:
    """The content of ``records.json``: all of a search's records besides its trials' files.

    Attributes:
        place: the folder and the MLflow store of the records.
        params: parameters of the search as a whole.
        trial_params: parameters of every trial, besides its values.
        job: the values that all trials share.
        data: the data's name, sizes and fingerprint.
        constraints: bounds that the winner must hold, as the space file writes them.
        images: the number of validation images behind each bounded metric.
        budgets: the budgets that were asked for, the present one last.
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
        """The rule that orders the trials.

        Raises:
            ValueError: a constraint is not valid.
        """
        return Rule(TypeAdapter(Constraints).validate_python(self.constraints), self.images)

    def write(self, folder: Path) -> None:
        """Write the file into a search's folder, without a password in the URI."""
        public = replace(self, place=replace(self.place, uri=masked(self.place.uri)))
        with atomic_file(folder / FILE) as file:
            file.write(json.dumps(asdict(public), indent=2).encode())


def read_about(folder: Path) -> About:
    """Read ``records.json`` from a search's folder, with paths as they are now.

    Raises:
        UsageError: the file is missing or damaged.
    """
    path = folder / FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        place, job = Place(**document.pop("place")), Job.of(document.pop("job"))
        place = located(place, folder)
        return About(place=place, job=job, **document)
    except FileNotFoundError as error:
        raise UsageError(f"{folder.name}: there are no records of a search in {folder}") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path} is damaged ({error}); --resume writes it again") from error

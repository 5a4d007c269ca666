"""The rows and their searches, as ``rows.yaml`` declares them."""

import json
import shlex
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from search.records.shell import command
from search.request.options import MACHINE, SearchOptions, layout_of, spelled
from search.request.parser import search_options
from search.space.budget import Source, Strict
from search.space.document import Document
from search.space.reader import read_space, space_file
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest

FOLDER = Path(__file__).parent
MAX_BYTES = 50_000
_PLACES = ("data", "name", "out", "resume", "list", "check", "tracking_uri")  # not a row's to say


class DeclaredSearch(Strict):
    """A search that is to be run.

    Attributes:
        space: name of its space, or a path that ends in .yaml.
        flags: the flags after space, data and name, as a shell reads them.
    """

    space: str
    flags: str

    @field_validator("flags")
    @classmethod
    def _is_asked(cls, flags: str) -> str:
        given = search_options(shlex.split(flags)).model_fields_set
        if wrong := sorted(given & {"space", *_PLACES}):
            raise ValueError(f"{', '.join(map(spelled, wrong))}: leave it out; the command adds it")
        return flags

    def words(self, name: str, *places: str) -> list[str]:
        """The flags after ``python -m search.run`` for search ``name``, with its ``places``."""
        return ["--space", self.space, *places, "--name", name, *shlex.split(self.flags)]

    @property
    def source(self) -> Source:
        """The result of the space's source.

        Raises:
            UsageError: the space names none.
        """
        source = read_space(space_file(self.space)).source
        if source is None:
            raise UsageError(f"space {self.space} names no `source` to compare with; add one")
        return source

    def command(self, name: str) -> str:
        """The command line that runs it, with PATH for the data."""
        return command("search.run", *self.words(name, "--data", "PATH"))

    def check_asked(self, name: str, flags: dict[str, Any]) -> None:
        """Raise UsageError unless search ``name``, which had these flags, is this one."""
        asked = json.loads(search_options(self.words(name)).model_dump_json())
        for key, field in SearchOptions.flags().items():
            decides = key not in (*_PLACES, "quiet") and layout_of(field)["group"] != MACHINE
            if decides and flags.get(key) != asked[key]:
                raise UsageError(
                    f"search {name} was run with {spelled(key)} {flags.get(key)}, and its row asks "
                    f"for {asked[key]}; give another --out, or delete that search"
                )


class Row(DeclaredSearch):
    """A row of the table.

    Attributes:
        baseline: name of the search whose one trial is the row's baseline; empty where the
            baseline is the first trial of the row's own search.
        remark: the row's omissions and assumptions.
    """

    baseline: str = ""
    remark: str = ""


class Rows(Strict):
    """All rows, in the table's order.

    Attributes:
        baselines: searches of one trial, by their names.
        rows: each row by its name, which is the name of its search too.
    """

    baselines: dict[str, DeclaredSearch] = Field(default_factory=dict)
    rows: dict[str, Row]

    @model_validator(mode="after")
    def _baselines_are_there(self) -> "Rows":
        for name, row in self.rows.items():
            if row.baseline and row.baseline not in self.baselines:
                raise ValueError(
                    f"row {name}: there is no {row.baseline} in baselines; add it there"
                )
        for name, search in self.baselines.items():
            if search_options(search.words(name)).trials != 1 or name in self.rows:
                raise ValueError(f"baseline {name}: give it --trials 1, and a name of its own")
        return self

    def row(self, name: str) -> Row:
        """The row of that name.

        Raises:
            UsageError: there is none.
        """
        if name not in self.rows:
            names = ", ".join(self.rows)
            raise UsageError(
                f"row {name!r} does not exist; choose one of {names}{nearest(name, self.rows)}"
            )
        return self.rows[name]

    def searches(self, name: str) -> dict[str, DeclaredSearch]:
        """The searches of a row by their names: its own, then that of its baseline."""
        row = self.row(name)
        return {name: row, **({row.baseline: self.baselines[row.baseline]} if row.baseline else {})}


def read_rows(folder: Path = FOLDER) -> Rows:
    """The rows that ``folder/rows.yaml`` declares.

    Raises:
        UsageError: it does not parse, or something in it is wrong; the first fault is named.
    """
    path = folder / "rows.yaml"
    try:
        return Document(path, MAX_BYTES).validated(Rows)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error

"""The flags of the commands that train, each declared once: type, default, bounds and help.

The command line, the arguments of ``run_search()``, what ``--resume`` reads, what a cluster is sent
and the reference page follow from the fields below.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from annotated_types import Ge
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from search.request.time_span import seconds_of
from search.space.budget import Budget
from trainables.best_epoch import ACCURACY
from trainables.boundary.errors import UsageError
from trainables.data import EMBEDDED, UNNAMED, DataSpec

BUDGET, MACHINE, RECORDS, CHOICE = "data and budget", "machine", "records", "start and choice"
GROUPS = ("", BUDGET, MACHINE, RECORDS, CHOICE)  # of the help, in order
_LIMIT = 2**31


def _flag(
    default: Any, meaning: str, metavar: str = "", group: str = "", nargs: str = "", **bounds: Any
) -> Any:
    """A field, with what the command line and the help need to know of it.

    ``{}`` in its meaning is its default.
    """
    extra: JsonDict = {"metavar": metavar, "group": group, "nargs": nargs}
    return Field(default, description=meaning.format(default), json_schema_extra=extra, **bounds)


def _count(
    meaning: str, group: str = "", *, metavar: str = "N", low: int = 1, default: int | None = None
) -> Any:
    return _flag(default, meaning, metavar, group, ge=low, lt=_LIMIT)


def _in_budget(name: str) -> Any:
    return Budget.model_fields[name].default


class TrainingOptions(BaseModel):
    """What every command that trains can be asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    command: ClassVar[str]  # the module that is run

    data: str | None = _flag(None, f"folder, or {EMBEDDED} (default: {UNNAMED})", "PATH", BUDGET)
    set: tuple[str, ...] = _flag(
        (), "give a value in every trial; may be repeated", "KEY=VALUE", BUDGET
    )
    epochs: int | None = _count("most epochs a trial (default: space)", BUDGET)
    seed: int = _count(
        "seeds all random choices (default: {})", BUDGET, metavar="S", low=0, default=0
    )
    train_limit: int | None = _count("most training images", BUDGET)
    val_limit: int | None = _count("most validation images", BUDGET)
    cpus_per_trial: int | None = _count("default: an even share", MACHINE)
    gpus_per_trial: float | None = _flag(
        None, "a fraction shares a GPU", "F", MACHINE, ge=0, lt=_LIMIT, allow_inf_nan=False
    )
    concurrency: int | None = _count("trials at once", MACHINE)
    pack: int | None = _count("up to N trials in one process on each GPU", MACHINE)
    address: str | None = _flag(None, "Ray cluster to join: auto or HOST:PORT", "ADDRESS", MACHINE)
    out: str = _flag("runs", "of all searches (default: ./{})", "DIR", RECORDS)
    name: str | None = _flag(None, "of this one (default: SPACE-DATE-TIME)", "NAME", RECORDS)
    tracking_uri: str | None = _flag(None, "default: sqlite:///OUT/mlflow.db", "URI", RECORDS)
    quiet: bool = _flag(False, "print nothing but the result", group=RECORDS)
    resume: str | None = _flag(None, "resume a search that was interrupted", "NAME")
    metric: str | None = _flag(
        None, f"what trials are judged by (default: space, {ACCURACY})", "NAME", CHOICE
    )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The options with these values, and defaults for the others.

        Raises:
            UsageError: a value is wrong; the first is named by its flag.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise UsageError(cls._fault(error.errors()[0])) from error

    @classmethod
    def flags(cls) -> dict[str, FieldInfo]:
        """The fields as the help orders them: in each group the command's own come first."""

        def place(name: str) -> tuple[int, bool]:
            group = layout_of(cls.model_fields[name])["group"]
            return GROUPS.index(group), name in TrainingOptions.model_fields

        return {name: cls.model_fields[name] for name in sorted(cls.model_fields, key=place)}

    def words(self) -> tuple[str, ...]:
        """The command line that asks for the same, a word a flag: a value may begin with a dash."""
        words: list[str] = []
        for name, field in self.flags().items():
            value = getattr(self, name)
            if value != field.default:
                values = value if isinstance(value, tuple) else (value,)
                words += [spelled(name) + ("" if v is True else f"={v}") for v in values]
        return tuple(words)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for key in ("cpus_per_trial", "gpus_per_trial", "concurrency"):
            if self.pack is not None and getattr(self, key) is not None:
                raise ValueError(f"--pack and {spelled(key)} exclude each other: a pack decides it")
        gpus = self.gpus_per_trial
        if gpus is not None and gpus > 1 and gpus != int(gpus):
            raise ValueError(f"--gpus-per-trial above 1 must be a whole number, not {gpus}")
        return self

    @classmethod
    def _fault(cls, error: ErrorDetails) -> str:
        """What is wrong, in a line that names the flag."""
        if not error["loc"]:  # of several flags together
            return str(error["ctx"]["error"])
        name, value = str(error["loc"][0]), error["input"]
        if error["type"] in ("greater_than_equal", "finite_number"):
            low = next(each.ge for each in cls.model_fields[name].metadata if isinstance(each, Ge))
            return f"{spelled(name)} must be {low} or more, not {value}"
        if error["type"] == "less_than":
            return f"{spelled(name)} must be below {_LIMIT}, not {value}"
        return f"{spelled(name)}: {error['msg'].removeprefix('Value error, ')}"


class SearchOptions(TrainingOptions):
    """What ``search.run`` can be asked for."""

    command: ClassVar[str] = "search.run"

    space: tuple[str, ...] = _flag(
        (), "a space of --list, all, or a .yaml file; may be repeated", "NAME"
    )
    list: bool = _flag(False, "list the spaces and exit")
    check: tuple[str, ...] | None = _flag(None, "validate space files and exit", "F", nargs="+")
    trials: int | None = _count("settings to try (default: space)")
    time: str | None = _flag(None, "end within a time such as 90s or 2h30m", "TIME")
    patience: int | None = _count("end once N trials have brought no progress")
    resume: str | None = _flag(None, "go on with a search, or extend it: --trials 48", "NAME")
    warm_start: str | None = _flag(None, "try another search's finalists first", "NAME", CHOICE)
    from_run: str | None = _flag(
        None, "search around the setting of an MLflow run", "RUN_ID", CHOICE
    )
    init: str | None = _flag(
        None, "start from a weights.pt, or from the --from-run: run", "PATH", CHOICE
    )
    finalists: int | None = _count(
        f"settings to train again, and the baseline (space: {_in_budget('finalists')})",
        CHOICE,
        metavar="K",
        low=0,
    )
    finalist_seeds: int | None = _count(
        f"how often each (default: space, {_in_budget('finalist_seeds')})", CHOICE, metavar="S"
    )
    sampler: str | None = _flag(None, "what draws the settings (default: space)", "NAME", CHOICE)
    scheduler: str | None = _flag(
        None, "what stops the losing trials (default: space)", "NAME", CHOICE
    )
    unconstrained: bool = _flag(False, "leave the space's constraints aside", group=CHOICE)
    val_alignment: float | None = _flag(
        None,
        f"share of validation digits that agree (space: {DataSpec.val_alignment})",
        "A",
        CHOICE,
    )

    @field_validator("time")
    @classmethod
    def _is_time_span(cls, text: str | None) -> str | None:
        if text is not None:
            seconds_of(text)
        return text


class AblationOptions(TrainingOptions):
    """What ``search.ablate`` can be asked for."""

    command: ClassVar[str] = "search.ablate"

    space: str | None = _flag(None, "take the space's baseline", "NAME")
    run: str | None = _flag(None, "take the setting of an MLflow run", "RUN_ID")
    toggle: tuple[str, ...] = _flag(
        (), "a part to switch off (false, 0 or none) and on; may be repeated", "KEY"
    )
    seeds: int = _count("default: {}", low=2, default=3)


def spelled(name: str) -> str:
    """The flag of a field, such as ``--train-limit``."""
    return f"--{name.replace('_', '-')}"


def layout_of(field: FieldInfo) -> dict[str, str]:
    """A flag's metavar, group and nargs; empty where it has none."""
    assert isinstance(field.json_schema_extra, dict)
    return {key: str(value) for key, value in field.json_schema_extra.items()}

"""The flags of the commands that train, each declared once: type, default, bounds and help.

The fields below define the command line, the arguments of ``run_search()``, what ``--resume``
reads, what a cluster is sent, and the reference page.
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
GROUPS = ("", BUDGET, MACHINE, RECORDS, CHOICE)  # in the order of the help
_LIMIT = 2**31


def _flag(
    default: Any, meaning: str, metavar: str = "", group: str = "", nargs: str = "", **bounds: Any
) -> Any:
    """A field with what the command line and the help need.

    ``{}`` in ``meaning`` stands for the default.
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
    """The options of every command that trains."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    command: ClassVar[str]  # the module to run

    data: str | None = _flag(None, f"folder, or {EMBEDDED} (default: {UNNAMED})", "PATH", BUDGET)
    set: tuple[str, ...] = _flag(
        (), "fix KEY to VALUE in every trial; may be repeated", "KEY=VALUE", BUDGET
    )
    epochs: int | None = _count("maximum epochs of a trial (default: the space's)", BUDGET)
    seed: int = _count(
        "seed of all random choices (default: {})", BUDGET, metavar="S", low=0, default=0
    )
    train_limit: int | None = _count("use at most N training images", BUDGET)
    val_limit: int | None = _count("use at most N validation images", BUDGET)
    cpus_per_trial: int | None = _count("CPUs of each trial (default: an even share)", MACHINE)
    gpus_per_trial: float | None = _flag(
        None,
        "GPUs of each trial; with 0.5 two trials share one",
        "F",
        MACHINE,
        ge=0,
        lt=_LIMIT,
        allow_inf_nan=False,
    )
    concurrency: int | None = _count("number of trials to run at once", MACHINE)
    pack: int | None = _count("train up to N trials in one process on each GPU", MACHINE)
    address: str | None = _flag(None, "Ray cluster to join: auto or HOST:PORT", "ADDRESS", MACHINE)
    out: str = _flag("runs", "folder of all searches (default: ./{})", "DIR", RECORDS)
    name: str | None = _flag(None, "the search's name (default: SPACE-DATE-TIME)", "NAME", RECORDS)
    tracking_uri: str | None = _flag(
        None, "MLflow store (default: sqlite:///OUT/mlflow.db)", "URI", RECORDS
    )
    quiet: bool = _flag(False, "print only the result", group=RECORDS)
    resume: str | None = _flag(None, "resume a search that was interrupted", "NAME")
    metric: str | None = _flag(
        None, f"metric to judge trials by (default: space's, or {ACCURACY})", "NAME", CHOICE
    )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The options with these values, and defaults for the others.

        Raises:
            UsageError: a value is wrong; the message names the flag of the first such value.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise UsageError(cls._fault(error.errors()[0])) from error

    @classmethod
    def flags(cls) -> dict[str, FieldInfo]:
        """The fields in the order of the help: in each group the command's own fields first."""

        def place(name: str) -> tuple[int, bool]:
            group = layout_of(cls.model_fields[name])["group"]
            return GROUPS.index(group), name in TrainingOptions.model_fields

        return {name: cls.model_fields[name] for name in sorted(cls.model_fields, key=place)}

    def words(self) -> tuple[str, ...]:
        """The command line of these options, one word a flag, as a value may begin with a dash."""
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
                raise ValueError(f"--pack and {spelled(key)} exclude each other; --pack sets it")
        gpus = self.gpus_per_trial
        if gpus is not None and gpus > 1 and gpus != int(gpus):
            raise ValueError(f"--gpus-per-trial above 1 must be a whole number, not {gpus}")
        return self

    @classmethod
    def _fault(cls, error: ErrorDetails) -> str:
        """One line that names the flag and its fault."""
        if not error["loc"]:  # the fault lies in several flags together
            return str(error["ctx"]["error"])
        name, value = str(error["loc"][0]), error["input"]
        if error["type"] in ("greater_than_equal", "finite_number"):
            low = next(each.ge for each in cls.model_fields[name].metadata if isinstance(each, Ge))
            return f"{spelled(name)} must be {low} or more, not {value}"
        if error["type"] == "less_than":
            return f"{spelled(name)} must be below {_LIMIT}, not {value}"
        return f"{spelled(name)}: {error['msg'].removeprefix('Value error, ')}"


class SearchOptions(TrainingOptions):
    """The options of ``search.run``."""

    command: ClassVar[str] = "search.run"

    space: tuple[str, ...] = _flag(
        (), "space from --list, all, or a .yaml file; may be repeated", "NAME"
    )
    list: bool = _flag(False, "list the spaces and exit")
    check: tuple[str, ...] | None = _flag(None, "validate space files and exit", "F", nargs="+")
    trials: int | None = _count("number of settings to try (default: the space's)")
    time: str | None = _flag(None, "time limit of the search, such as 90s or 2h30m", "TIME")
    patience: int | None = _count("stop after N trials in a row without progress")
    resume: str | None = _flag(None, "resume a search; with --trials 48, extend it", "NAME")
    warm_start: str | None = _flag(None, "try another search's finalists first", "NAME", CHOICE)
    from_run: str | None = _flag(
        None, "search around the setting of an MLflow run", "RUN_ID", CHOICE
    )
    init: str | None = _flag(
        None, "weights.pt to start from, or run for those of --from-run", "PATH", CHOICE
    )
    finalists: int | None = _count(
        f"retrain the K best and baseline (default: space's, or {_in_budget('finalists')})",
        CHOICE,
        metavar="K",
        low=0,
    )
    finalist_seeds: int | None = _count(
        f"seeds of each finalist (default: space's, or {_in_budget('finalist_seeds')})",
        CHOICE,
        metavar="S",
    )
    sampler: str | None = _flag(
        None, "method that proposes settings (default: the space's)", "NAME", CHOICE
    )
    scheduler: str | None = _flag(
        None, "method that stops losing trials (default: the space's)", "NAME", CHOICE
    )
    unconstrained: bool = _flag(False, "ignore the space's constraints", group=CHOICE)
    val_alignment: float | None = _flag(
        None,
        f"share of validation digits that match labels (space: {DataSpec.val_alignment})",
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
    """The options of ``search.ablate``."""

    command: ClassVar[str] = "search.ablate"

    space: str | None = _flag(None, "ablate the baseline of this space", "NAME")
    run: str | None = _flag(None, "ablate the setting of this MLflow run", "RUN_ID")
    toggle: tuple[str, ...] = _flag(
        (), "part to switch off (to false, 0 or none) and on; may be repeated", "KEY"
    )
    seeds: int = _count("number of seeds of each combination (default: {})", low=2, default=3)


def spelled(name: str) -> str:
    """The flag of a field: ``--train-limit`` for ``train_limit``."""
    return f"--{name.replace('_', '-')}"


def layout_of(field: FieldInfo) -> dict[str, str]:
    """A flag's metavar, group and nargs; an empty string for one that it lacks."""
    assert isinstance(field.json_schema_extra, dict)
    return {key: str(value) for key, value in field.json_schema_extra.items()}

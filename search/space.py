"""A space: the YAML file that says what is searched."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import optuna
import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from search.constraints import Constraints
from search.domain import (
    Choice,
    Domains,
    Fixed,
    Range,
    Values,
    check_point,
    contains,
    every_key,
    existing,
    suggest,
)
from search.naming import is_name
from trainables import architectures
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.boundary.validation import first_fault
from trainables.data import EMBEDDED, DataSpec
from trainables.data.attribute_function import written_down
from trainables.data.folder import is_image_folder, list_folder
from trainables.data.shortcut import Shortcut
from trainables.recipe import RECIPE_KEYS, Setting, Value, check

SPACES = Path(__file__).resolve().parents[1] / "configs" / "spaces"
_TOO_DEEP = "is nested too deep for a space file"
MOST = 100_000  # bytes of a space file, some 25 times what the largest here has


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Budget(_Strict):
    """How much a search may spend, and how ASHA divides it (Li et al. 2020, "A System for
    Massively Parallel Hyperparameter Tuning").

    Attributes:
        trials: settings to try, the baseline included.
        epochs: the most that one trial trains.
        grace_epochs: epochs that every trial gets; the first rung.
        reduction_factor: the share of trials that goes on past a rung is one over this.
        finalists: of the best settings, how many are trained again to the end before one of them is
            named the winner; 0 trains none.
        finalist_seeds: how often each of them is, with fresh seeds.
    """

    trials: int = Field(ge=1)
    epochs: int = Field(ge=1)
    grace_epochs: int = Field(default=1, ge=1)
    reduction_factor: int = Field(default=3, ge=2)
    finalists: int = Field(default=3, ge=0)
    finalist_seeds: int = Field(default=3, ge=1)

    def asked(
        self,
        trials: int | None = None,
        epochs: int | None = None,
        finalists: int | None = None,
        finalist_seeds: int | None = None,
    ) -> "Budget":
        """The budget with what is given; the grace shrinks or grows with the epochs."""
        given = {
            "trials": trials,
            "epochs": epochs,
            "finalists": finalists,
            "finalist_seeds": finalist_seeds,
        }
        grace = max(1, round(self.grace_epochs * (epochs or self.epochs) / self.epochs))
        update = {key: value for key, value in given.items() if value is not None}
        return self.model_copy(update={**update, "grace_epochs": grace})

    @property
    def finals(self) -> int:
        """Finalists' trainings, at the most."""
        return self.finalists * self.finalist_seeds


class Embedded(_Strict):
    """What ``--data embedded`` changes: a smaller budget, and values not worth searching there.

    Attributes:
        budget: trials and epochs there.
        fix: values that every trial has there, the baseline too, instead of searched ones.
    """

    budget: Budget
    fix: dict[str, Value] = {}


class Source(_Strict):
    """Where the baseline comes from and what it reached there.

    Attributes:
        file: the source document.
        result: its result in words.
        accuracy: the figure to beat, in [0, 1].
        split: the split that it was measured on.
    """

    file: str
    result: str
    accuracy: float = Field(ge=0, le=1)
    split: Literal["validation", "test"]


def _named(written: Any) -> Any:
    """The keys of ``data`` with the set named, and without the shortcut, a key of its own."""
    if isinstance(written, dict) and "set" not in written:
        raise ValueError("must be a mapping with the key set, such as {set: composite}")
    if isinstance(written, dict) and "shortcut" in written:
        raise ValueError("unknown key shortcut; it is a key of the space itself")
    return written


class Space(_Strict):
    """One architecture on one data set, with what to try; see ``configs/spaces``.

    Attributes:
        architecture: file name in ``trainables/architectures``.
        data: which set, and how it is drawn.
        budget: trials and epochs.
        embedded: what is different on the embedded data.
        source: where the baseline comes from; None of a network of one's own.
        baseline: the source's own settings, a point of the space; always trial 0.
        guesses: settings worth trying right after it; keys that one leaves out are drawn.
        shortcut: where the spurious attribute of a folder's images is written, if it is known.
        constraints: what the winner must hold beside its accuracy, on images that show digits.
        search: the domain of every key.
    """

    architecture: str
    data: Annotated[DataSpec, BeforeValidator(_named)]
    budget: Budget
    embedded: Embedded
    source: Source | None = None
    baseline: dict[str, Value]
    guesses: list[dict[str, Value]] = []
    shortcut: Shortcut | None = None
    constraints: Constraints = {}
    search: Domains

    @model_validator(mode="after")
    def _coherent(self) -> "Space":
        _check_unambiguous(self.search, set())
        for key, domain in every_key(self.search):
            self.check_key(key)
            for value in _extremes(domain):
                self.check_value(key, value)
        for key, value in self.embedded.fix.items():
            self.check_value(key, value)
        self._check_baseline()
        for number, guess in enumerate(self.guesses):
            self._check_guess(f"guesses.{number}", guess)
        return self

    def _check_baseline(self) -> None:
        try:
            Setting.of(self.architecture, self.baseline, self.budget.epochs, 0)
            check_point(self.search, self.baseline)
        except ValueError as error:
            raise UsageError(f"baseline: {error}") from error

    def _check_guess(self, place: str, guess: dict[str, Value]) -> None:
        try:
            Setting.of(self.architecture, guess, self.budget.epochs, 0)
            check_point(self.search, guess, partial=True)
        except ValueError as error:
            raise UsageError(f"{place}: {error}") from error

    def check_key(self, key: str) -> None:
        """Raise UsageError unless ``key`` belongs to the recipe or the architecture."""
        if key not in RECIPE_KEYS and key not in architectures.parameters(self.architecture):
            raise UsageError(
                f"search: {key} is neither a recipe's key nor a parameter of {self.architecture}"
            )

    def data_on(self, source: str) -> DataSpec:
        """The data to load from ``source``: those of a folder of images with their shortcut.

        Runs the shortcut's callable, if it has one.
        """
        data, shortcut = self.data, self.shortcut
        if shortcut is None or source == EMBEDDED or not is_image_folder(Path(source)):
            return data
        if shortcut.callable:
            listing = list_folder(Path(source), data.val_share, data.seed)
            shortcut = written_down(shortcut, listing)
        return replace(data, shortcut=shortcut)

    def budget_on(self, source: str) -> Budget:
        """The budget on data from ``source``."""
        return self.embedded.budget if source == EMBEDDED else self.budget

    def fixed_on(self, source: str, given: dict[str, Value]) -> dict[str, Value]:
        """The values that are fixed on data from ``source``, and those ``given``.

        Raises:
            UsageError: one of these is not a key of the space, or not allowed.
        """
        for key, value in given.items():
            self.check_value(key, value)
        return {**(self.embedded.fix if source == EMBEDDED else {}), **given}

    def baseline_with(self, fixed: dict[str, Value]) -> dict[str, Value]:
        """A value for every key that exists in the baseline once ``fixed`` is applied.

        Keys that ``fixed`` brings with it are at their defaults.
        """
        values = {**self.baseline, **fixed}
        found = list(existing(self.search, values))
        single = {key: domain.value for _, key, domain in found if isinstance(domain, Fixed)}
        return {
            key: {**single, **values}[key] for _, key, _ in found if key in {**single, **values}
        }

    def has_key(self, key: str) -> bool:
        """True if ``key`` is searched here, if only under some option."""
        return any(name == key for name, _ in every_key(self.search))

    def check_value(self, key: str, value: Value) -> None:
        """Raise UsageError unless ``key`` is searched here and may have ``value``."""
        domains = [domain for name, domain in every_key(self.search) if name == key]
        if not domains:
            keys = ", ".join(sorted({name for name, _ in every_key(self.search)}))
            raise UsageError(f"the space has no key {key}; its keys are {keys}")
        if isinstance(domains[0], Choice) and value not in domains[0].options:
            options = ", ".join(domains[0].options)
            raise UsageError(f"{key} must be one of the space's {options}, not {value!r}")
        if key in RECIPE_KEYS:
            check(key, value)
        else:
            self._check_parameter(key, value)

    def _check_parameter(self, key: str, value: Value) -> None:
        Setting.of(self.architecture, {key: value}, 1, 0)
        architectures.check_builds(self.architecture, image_size=32, classes=10, **{key: value})


def _check_unambiguous(domains: Domains, outer: set[str]) -> None:
    """Refuse a key under an option that exists beside the option too: which would it be?"""
    for key, domain in domains.items():
        if key in outer:
            raise UsageError(f"search: {key} stands under an option and beside it; keep one")
        for nested in domain.options.values() if isinstance(domain, Choice) else ():
            _check_unambiguous(nested, outer | set(domains))


def _extremes(domain: Any) -> tuple[Value, ...]:
    if isinstance(domain, Range):
        return (domain.low, domain.high)
    if isinstance(domain, Values | Choice):
        return tuple(domain.options)
    return (domain.value,)


class Sampler:
    """The space as Optuna's define-by-run function; an importable object, so that it pickles.

    Args:
        space: what to search.
        fixed: values that are given instead of drawn.
        warm: settings of another search, to be tried right after the baseline.
    """

    def __init__(
        self,
        space: Space,
        fixed: dict[str, Value],
        warm: tuple[dict[str, Value], ...] = (),
    ) -> None:
        self._space, self._fixed, self._warm = space, fixed, warm

    def __call__(self, trial: optuna.Trial) -> dict[str, Value]:
        """Flat values for every key that exists in this trial."""
        return suggest(self._space.search, trial, self._fixed)

    def first_points(self) -> list[dict[str, Value]]:
        """The baseline, what another search found, and the guesses, under Optuna's names.

        A fixed choice can bring keys that they lack, or ranges that do not hold their values;
        those are left to be drawn. None comes twice: an earlier search has often found one of them.
        """
        space, found = self._space, list[dict[str, Value]]()
        for written in (space.baseline, *self._warm, *space.guesses):
            point = self.point(written)
            if not point or point not in found:
                found.append(point)
        return found

    def point(self, written: dict[str, Value]) -> dict[str, Value]:
        """The values of a trial under Optuna's names, without what is fixed or no longer there."""
        values = {**written, **self._fixed}
        return {
            name: values[key]
            for name, key, domain in existing(self._space.search, values)
            if key not in self._fixed
            and not isinstance(domain, Fixed)
            and key in values
            and contains(domain, values[key])
        }


def available() -> list[str]:
    """Names of the space files that come with Convoy, sorted."""
    return sorted(path.stem for path in SPACES.glob("*.yaml"))


def space_file(name: str, flag: str = "--space") -> Path:
    """The file of space ``name``: a name from ``configs/spaces``, or a path that ends in .yaml.

    Args:
        name: as it was given.
        flag: which it was given to, for the message.

    Raises:
        UsageError: there is no such space.
    """
    file = name if name.endswith((".yaml", ".yml")) else f"{SPACES / name}.yaml"
    path = user_path(file, flag)
    if Path(name).name != name and path.parent == SPACES:
        raise UsageError(f"{flag} {name}: name a space of {SPACES}, or a path that ends in .yaml")
    if not path.is_file():
        raise UsageError(f"space {name!r} is not there; choose one of {', '.join(available())}")
    if not is_name(path.stem):
        raise UsageError(f"{flag} {name}: name the file with letters, digits, '_' and '-' alone")
    return path


class _Loader(yaml.SafeLoader):
    """The safe loader, which also reads 1e-3 as a number, as YAML 1.2 does.

    It refuses a key that stands twice in a mapping, where YAML silently takes the last, and
    aliases, by which a file of some lines can mean millions.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise UsageError(f"line {line}: an alias; write out what it stands for")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = Counter(str(key.value) for key, _ in node.value)
        if twice := [key for key, count in keys.items() if count > 1]:
            raise UsageError(f"line {node.start_mark.line + 1}: {twice[0]} stands there twice")
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def read_space(path: Path) -> Space:
    """The validated space in ``path``.

    Raises:
        UsageError: the file does not parse, or something in it is wrong; the first fault is named.
    """
    written = _parsed(path)
    if not isinstance(written, dict):
        raise UsageError(f"{path}: must be a mapping with the key architecture and others")
    try:
        return Space.model_validate(written)
    except RecursionError as error:
        raise UsageError(f"{path}: {_TOO_DEEP}") from error
    except ValidationError as error:
        raise UsageError(f"{path}: {first_fault(error)}") from error
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{path}: {error}") from error


def _parsed(path: Path) -> Any:
    try:
        if path.stat().st_size > MOST:
            raise UsageError(f"larger than {MOST:,} bytes, so not a space file")
        text = path.read_text(encoding="utf-8")
        return yaml.load(text, Loader=_Loader)  # nosec B506 # it is a SafeLoader
    except RecursionError as error:
        raise UsageError(f"{path}: {_TOO_DEEP}") from error
    except Exception as error:  # PyYAML lets through what Python raises for a value and its tag
        raise UsageError(f"{path}: {error}") from error

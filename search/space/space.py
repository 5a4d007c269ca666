"""A space: one architecture on one data set, with the settings to try."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    JsonValue,
    ValidationInfo,
    field_validator,
    model_validator,
)

from search.space.budget import Budget, Embedded, Source, Strict
from search.space.constraints import Constraints
from search.space.domain import (
    Domains,
    Fixed,
    Options,
    Range,
    Values,
    active_keys,
    check_point,
    every_key,
    typed,
    values_of,
)
from search.space.methods import SAMPLER, SCHEDULER, Scheduler, SchedulerChoice
from search.space.weights_path import with_absolute_paths
from trainables import architectures, scores
from trainables.best_epoch import ACCURACY
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest
from trainables.data import EMBEDDED, DataSpec
from trainables.data.attribute_function import written_down
from trainables.data.folder import is_image_folder, list_folder
from trainables.data.shortcut import Shortcut
from trainables.recipe import RECIPE_KEYS, Setting, Value, check, kinds


def _named(written: Any) -> Any:
    """The keys of ``data``: they must name the set, and not the shortcut, which is its own key."""
    if not isinstance(written, dict | DataSpec) or (
        isinstance(written, dict) and "set" not in written
    ):
        raise ValueError("must be a mapping with the key set, such as {set: composite}")
    if isinstance(written, dict) and "shortcut" in written:
        raise ValueError("unknown key shortcut; it is a key of the space itself")
    return written


PointValues = Annotated[dict[str, Value], BeforeValidator(with_absolute_paths)]
_METRICS: JsonValue = [*scores.available()]


class Space(Strict):
    """One architecture on one data set, with the settings to try; see ``configs/spaces``.

    Attributes:
        architecture: file name in ``trainables/architectures``.
        data: the data set, and how it is drawn.
        budget: numbers of trials, epochs and finals.
        embedded: changes on the embedded data.
        source: the published source of the baseline; None for a network of one's own.
        metric: the metric that judges trials, on the validation images.
        sampler: the method that proposes settings, see ``search/proposals/samplers``.
        scheduler: the method that stops losing trials, see ``search/proposals/schedulers``; a name,
            or a name with options, such as ``{asha: {grace_epochs: 5}}``.
        baseline: the source's own settings, a point of the space; always trial 0.
        guesses: settings to try right after the baseline, never stopped early; missing keys are
            drawn.
        shortcut: the file that lists the spurious attribute of a folder's images, if there is one.
        constraints: bounds that the winner must hold besides its score, on images with digits.
        search: the domain of every key.
    """

    architecture: str
    data: Annotated[DataSpec, BeforeValidator(_named)]
    budget: Budget
    embedded: Embedded
    source: Source | None = None
    metric: str = Field(default=ACCURACY, json_schema_extra={"enum": _METRICS})
    sampler: str = SAMPLER
    scheduler: Scheduler = SchedulerChoice(name=SCHEDULER)
    baseline: PointValues
    guesses: list[PointValues] = Field(default=[])
    shortcut: Shortcut | None = None
    constraints: Constraints = Field(default={})
    search: Annotated[Domains, BeforeValidator(with_absolute_paths)]

    @field_validator("search")
    @classmethod
    def _typed(cls, search: Domains, info: ValidationInfo) -> Domains:
        architecture = info.data.get("architecture", "")
        known = architecture in architectures.available()  # else a later check refuses the space
        return typed(search, kinds(architecture)) if known else search

    @model_validator(mode="after")
    def _coherent(self) -> "Space":
        scores.check_name(self.metric)
        _check_unambiguous(self.search, set())
        for key, domain in every_key(self.search):
            self.check_key(key)
            for value in _extremes(domain):
                self._check_at("search", key, value)
        for key, value in self.embedded.fix.items():
            self._check_at("embedded.fix", key, value)
        self._check_point("baseline", self.baseline)
        for number, guess in enumerate(self.guesses):
            self._check_point(f"guesses.{number}", guess, partial=True)
        return self

    def _check_at(self, place: str, key: str, value: Value) -> None:
        try:
            self.check_value(key, value)
        except ValueError as error:
            raise UsageError(f"{place}: {error}") from error

    def _check_point(self, place: str, values: dict[str, Value], *, partial: bool = False) -> None:
        try:
            Setting.of(self.architecture, values, self.budget.epochs, 0)
            check_point(self.search, values, partial=partial)
        except ValueError as error:
            raise UsageError(f"{place}: {error}") from error

    def check_key(self, key: str) -> None:
        """Raise UsageError unless ``key`` belongs to the recipe or the architecture."""
        if key not in RECIPE_KEYS and key not in architectures.parameters(self.architecture):
            raise UsageError(
                f"search: {key} is neither a recipe's key nor a parameter of {self.architecture}"
                f"{nearest(key, kinds(self.architecture))}"
            )

    def data_on(self, source: str) -> DataSpec:
        """The data to load from ``source``; for a folder of images, with its shortcut.

        It runs the shortcut's callable if there is one.
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

    def fixed_on(self, source: str, texts: dict[str, str]) -> dict[str, Value]:
        """The fixed values on data from ``source``, and the values that ``texts`` assign.

        Raises:
            UsageError: ``texts`` names a key that the space lacks, or a value that it forbids.
        """
        assigned = values_of(texts, self.architecture)
        for key, value in assigned.items():
            self.check_value(key, value)
        return {**(self.embedded.fix if source == EMBEDDED else {}), **assigned}

    def baseline_with(self, fixed: dict[str, Value]) -> dict[str, Value]:
        """A value for every key that exists in the baseline once ``fixed`` is applied.

        Keys that exist only because of ``fixed`` have their defaults.
        """
        values = {**self.baseline, **fixed}
        keys = [(key, domain) for _, key, domain in active_keys(self.search, values)]
        values = {key: domain.value for key, domain in keys if isinstance(domain, Fixed)} | values
        return {key: values[key] for key, _ in keys if key in values}

    def with_keys(self, texts: dict[str, str]) -> "Space":
        """The space, extended by recipe keys in ``texts`` that it lacks, with their values there.

        A key that belongs to another key is added only together with it.
        """
        added: Domains = {
            key: Fixed(value=value)
            for key, value in values_of(texts, self.architecture).items()
            if key in RECIPE_KEYS and not RECIPE_KEYS[key].of and not self.has_key(key)
        }
        return self.model_copy(update={"search": {**self.search, **added}}) if added else self

    def has_key(self, key: str) -> bool:
        """True if the space has ``key``, possibly only under some option."""
        return any(name == key for name, _ in every_key(self.search))

    def check_value(self, key: str, value: Value) -> None:
        """Raise UsageError unless the space has ``key`` and allows ``value`` for it."""
        domains = [domain for name, domain in every_key(self.search) if name == key]
        if not domains:
            keys = sorted({name for name, _ in every_key(self.search)})
            near = nearest(key, keys) or f"; its keys are {', '.join(keys)}"
            raise UsageError(f"the space has no key {key}{near}")
        if isinstance(domains[0], Options) and value not in domains[0].options:
            options = ", ".join(map(str, domains[0].options))
            raise UsageError(f"{key} must be one of the space's {options}, not {value!r}")
        if key in RECIPE_KEYS:
            check(key, value)
        else:
            self._check_parameter(key, value)

    def _check_parameter(self, key: str, value: Value) -> None:
        Setting.of(self.architecture, {key: value}, 1, 0)
        square = (32, 32, 3)
        architectures.check_builds(
            self.architecture, image_shape=square, classes=10, **{key: value}
        )


def _check_unambiguous(domains: Domains, outer: set[str]) -> None:
    """Refuse a key that stands both under an option and next to it, as it would be ambiguous."""
    for key, domain in domains.items():
        if key in outer:
            raise UsageError(f"search: {key} appears under an option and next to it; remove one")
        for nested in domain.options.values() if isinstance(domain, Options) else ():
            _check_unambiguous(nested, outer | set(domains))


def _extremes(domain: Any) -> tuple[Value, ...]:
    if isinstance(domain, Range):
        return (domain.low, domain.high)
    if isinstance(domain, Values | Options):
        return tuple(domain.options)
    return (domain.value,)

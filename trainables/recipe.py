"""What a training is made of: a recipe, and the setting that joins it to an architecture."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from trainables import architectures
from trainables.errors import UsageError

Value = bool | int | float | str


def _number(default: float, low: float, high: float, *, above: bool = False) -> Any:
    """A number in [low, high], or (low, high] if ``above``."""
    return field(default=default, metadata={"low": low, "high": high, "above": above})


def _choice(*options: str) -> Any:
    """One of ``options``, by default the first."""
    return field(default=options[0], metadata={"options": options})


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. Conditional keys say what they belong to; elsewhere they rest.

    Attributes:
        optimizer: ``adamw``, ``adam`` or ``sgd`` (with momentum).
        lr: peak learning rate.
        weight_decay: decoupled in adamw, an L2 term of the gradient in adam and sgd.
        momentum: of sgd.
        nesterov: of sgd, whether its momentum is Nesterov's.
        schedule: ``cosine``, ``one_cycle`` or ``constant``, stepped every batch.
        eta_min: of cosine, the final learning rate as a share of ``lr``.
        warmup: of one_cycle, the share of the steps in which the rate rises.
        batch_size: images a step.
        label_smoothing: share of the target spread evenly over the classes.
        flip: random horizontal flip, probability 1/2.
        crop_padding: pixels of black padding before a random crop back to size; 0 is off.
        noise: standard deviation of Gaussian noise on the normalised image, not clipped; 0 is off.
        erasing: probability of erasing a random rectangle; 0 is off.

    Raises:
        UsageError: a value is of the wrong type or out of bounds.
    """

    optimizer: str = _choice("adamw", "adam", "sgd")
    lr: float = _number(1e-3, 0, 100, above=True)
    weight_decay: float = _number(0.0, 0, 10)
    momentum: float = _number(0.9, 0, 0.9999)
    nesterov: bool = True
    schedule: str = _choice("cosine", "one_cycle", "constant")
    eta_min: float = _number(0.0, 0, 1)
    warmup: float = _number(0.3, 0.01, 0.99)
    batch_size: int = _number(128, 1, 8192)
    label_smoothing: float = _number(0.0, 0, 0.9)
    flip: bool = False
    crop_padding: int = _number(0, 0, 64)
    noise: float = _number(0.0, 0, 10)
    erasing: float = _number(0.0, 0, 1)

    def __post_init__(self) -> None:
        for part in fields(self):
            check(part.name, getattr(self, part.name))


def check(key: str, value: Any) -> Value:
    """``value``, if the recipe's key ``key`` may have it (an int stands for a float).

    Raises:
        UsageError: ``value`` is of the wrong type or out of bounds.
    """
    part = next(f for f in fields(Recipe) if f.name == key)
    kind: type[Any] = type(part.default)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or value != value:  # NaN differs from itself
        raise UsageError(f"{key} must be of type {kind.__name__}, not {value!r}")
    if options := part.metadata.get("options"):
        if value not in options:
            raise UsageError(f"{key} must be one of {', '.join(options)}, not {value!r}")
    elif part.metadata:
        _check_bounds(key, value, **part.metadata)
    allowed: Value = value
    return allowed


def _check_bounds(key: str, value: float, low: float, high: float, above: bool) -> None:
    if not low <= value <= high or (above and value == low):
        opening = "above" if above else "at least"
        raise UsageError(f"{key} must be {opening} {low} and at most {high}, not {value!r}")


RECIPE_KEYS = tuple(part.name for part in fields(Recipe))


@dataclass(frozen=True)
class Setting:
    """Everything that decides a trial's result, given its data.

    Attributes:
        architecture: name of a file in ``trainables/architectures``.
        parameters: the architecture's own hyperparameters; those left out have their defaults.
        recipe: how it is trained.
        epochs: passes over the training images, 1 or more.
        seed: of initialisation, data order, augmentation and dropout.
    """

    architecture: str
    parameters: dict[str, Value]
    recipe: Recipe
    epochs: int
    seed: int

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UsageError(f"epochs must be 1 or more, not {self.epochs}")

    @classmethod
    def of(cls, architecture: str, values: dict[str, Value], epochs: int, seed: int) -> "Setting":
        """A setting from flat ``values``, each a key of the recipe or of the architecture.

        Raises:
            UsageError: a key that neither has, or a value that is not allowed.
        """
        known = architectures.parameters(architecture)
        for key in values:
            if key not in RECIPE_KEYS and key not in known:
                raise UsageError(
                    f"{key} is neither a recipe's key nor a parameter of {architecture}"
                )
        recipe = {key: check(key, v) for key, v in values.items() if key in RECIPE_KEYS}
        own = {key: v for key, v in values.items() if key not in RECIPE_KEYS}
        return cls(architecture, own, Recipe(**recipe), epochs, seed)  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, Any]:
        """The setting as JSON values; ``from_dict`` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Setting":
        """A setting from what ``as_dict`` gave.

        Raises:
            UsageError: a key is missing or unknown, or a value not allowed.
        """
        try:
            return cls(**{**values, "recipe": Recipe(**values["recipe"])})
        except (KeyError, TypeError) as error:
            raise UsageError(f"not a setting: {error}") from error

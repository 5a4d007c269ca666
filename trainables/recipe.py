"""What a training is made of: a recipe, and the setting that joins it to an architecture."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from trainables import architectures
from trainables.boundary.errors import UsageError

Value = bool | int | float | str
# Places of a region swap that claim to know where the shortcut lies.
CORNERS = ("bottom_right", "bottom_left", "top_right", "top_left")


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
        lr: learning rate; one_cycle's peak is ``peak_factor`` times as high.
        weight_decay: decoupled in adamw, an L2 term of the gradient in adam and sgd.
        momentum: of sgd.
        nesterov: of sgd, whether its momentum is Nesterov's.
        schedule: ``cosine``, ``one_cycle``, ``constant`` or ``halving``, stepped every batch.
        eta_min: of cosine, the least learning rate as a share of ``lr``.
        t_max: of cosine, the steps to the least rate as a share of all; below 1 it rises again.
        warmup: of one_cycle, the share of the steps in which the rate rises.
        peak_factor: of one_cycle, its peak over ``lr``.
        cycle_momentum: of one_cycle, whether momentum, or Adam's first beta, falls from 0.95 to
            0.85 while the rate rises, and then rises again; torch's default.
        halve_every: of halving, the epochs after which the rate is halved each time.
        batch_size: images a step.
        clip_norm: gradients are scaled to this norm where theirs is larger; 0 is off.
        label_smoothing: share of the target spread evenly over the classes.
        mixup: alpha of MixUp, see ``trainables.mixup``; 0 is off.
        flip: random horizontal flip, probability 1/2.
        crop_padding: pixels of black padding before a random crop back to size; 0 is off.
        auto_augment: AutoAugment's CIFAR-10 policy, see ``trainables.data.auto_augment``.
        noise: standard deviation of Gaussian noise on the normalised image, not clipped; 0 is off.
        erasing: probability of erasing a random rectangle; 0 is off.
        region_swap: where patches are exchanged among the images of a batch: ``none``, a corner,
            which claims to know the shortcut's place, or ``random``; see
            ``trainables.data.region_swap``.
        swap_size: side of the patch as a share of the image's.
        swap_probability: share of the images that get another's patch.
        reweighting: ``none``, or ``jtt``, Just Train Twice, see ``trainables.just_train_twice``.
        jtt_share: of jtt, the epochs of the first training as a share of the second's, to which
            they are added.
        jtt_weight: of jtt, how many times as often its errors are drawn in the second.

    Raises:
        UsageError: a value is of the wrong type or out of bounds.
    """

    optimizer: str = _choice("adamw", "adam", "sgd")
    lr: float = _number(1e-3, 0, 100, above=True)
    weight_decay: float = _number(0.0, 0, 10)
    momentum: float = _number(0.9, 0, 0.9999)
    nesterov: bool = True
    schedule: str = _choice("cosine", "one_cycle", "constant", "halving")
    eta_min: float = _number(0.0, 0, 1)
    t_max: float = _number(1.0, 0, 10, above=True)
    warmup: float = _number(0.3, 0.01, 0.99)
    peak_factor: float = _number(1.0, 0, 100, above=True)
    cycle_momentum: bool = False
    halve_every: int = _number(10, 1, 10_000)
    batch_size: int = _number(128, 1, 8192)
    clip_norm: float = _number(0.0, 0, 1e6)
    label_smoothing: float = _number(0.0, 0, 0.9)
    mixup: float = _number(0.0, 0, 10)
    flip: bool = False
    crop_padding: int = _number(0, 0, 64)
    auto_augment: bool = False
    noise: float = _number(0.0, 0, 10)
    erasing: float = _number(0.0, 0, 1)
    region_swap: str = _choice("none", *CORNERS, "random")
    swap_size: float = _number(0.4, 0, 1, above=True)
    swap_probability: float = _number(1.0, 0, 1)
    reweighting: str = _choice("none", "jtt")
    jtt_share: float = _number(0.1, 0.01, 0.9)
    jtt_weight: float = _number(16.0, 1, 1e6)

    def __post_init__(self) -> None:
        for part in fields(self):
            check(part.name, getattr(self, part.name))

    @property
    def assumption(self) -> str:
        """What the recipe claims to know about the shortcut; empty if nothing."""
        return f"the shortcut lies {self.region_swap}" if self.region_swap in CORNERS else ""


def check(key: str, value: Any) -> Value:
    """``value``, if the recipe's key ``key`` may have it (an int stands for a float).

    Raises:
        UsageError: ``value`` is of the wrong type or out of bounds.
    """
    part = next(f for f in fields(Recipe) if f.name == key)
    value = _of_type(key, value, type(part.default))
    if options := part.metadata.get("options"):
        if value not in options:
            raise UsageError(f"{key} must be one of {', '.join(options)}, not {value!r}")
    elif part.metadata:
        _check_bounds(key, value, **part.metadata)
    allowed: Value = value
    return allowed


def _of_type(key: str, value: Any, kind: type) -> Any:
    """``value``, if it is of type ``kind``; an int becomes a float where that is wanted."""
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or value != value:  # NaN differs from itself
        raise UsageError(f"{key} must be of type {kind.__name__}, not {value!r}")
    return value


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
        own = {
            key: _of_type(key, v, type(known[key]))
            for key, v in values.items()
            if key not in RECIPE_KEYS
        }
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

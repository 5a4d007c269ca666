"""The recipe of a training, and the setting that joins it to an architecture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import Field

from trainables import architectures
from trainables.boundary.errors import UsageError
from trainables.boundary.validation import checked, validated
from trainables.boundary.wording import nearest

Value = bool | int | float | str
# Places of a region swap that claim to know where the shortcut lies.
Corner = Literal["bottom_right", "bottom_left", "top_right", "top_left"]
CORNERS: tuple[Corner, ...] = get_args(Corner)
Attended = Literal["attended"]
(ATTENDED,) = get_args(Attended)  # the place of the shortcut that a first training reads
Place = Literal["none", Corner, "random", Attended]
Balance = Literal["none", "balanced"]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Key:
    """The properties of a recipe key besides its type and bounds.

    Attributes:
        off: the value that switches it off; None if none does.
        changes: the part of a training image that it changes, if it augments images.
        of: the key that it belongs to; if that is off or is not ``option``, it has no effect.
        option: the only value of that key with which it is used; empty for all but off.
    """

    off: Value | None = None
    changes: Literal["", "images", "images and labels"] = ""
    of: str = ""
    option: str = ""


@validated
class Recipe:
    """How a network is trained. A key of another key's option has no effect without it.

    Attributes:
        optimizer: ``adamw``, ``adam`` or ``sgd`` (with momentum).
        lr: learning rate; one_cycle's peak is ``peak_factor`` times as high.
        weight_decay: decoupled in adamw, an L2 term of the gradient in adam and sgd.
        momentum: share of a step that carries over to the next.
        nesterov: whether the momentum is Nesterov's.
        schedule: ``cosine``, ``one_cycle``, ``constant`` or ``halving``, stepped every batch.
        eta_min: the lowest learning rate as a share of ``lr``.
        t_max: steps until the lowest rate, as a share of all; below 1 it rises again.
        warmup: share of the steps in which the rate rises.
        peak_factor: the highest rate as a multiple of ``lr``.
        cycle_momentum: whether momentum, or Adam's first beta, falls from 0.95 to 0.85 while the
            rate rises, and then rises again; torch's default.
        halve_every: number of epochs after which the rate is halved, again and again.
        batch_size: number of images per step.
        clip_norm: gradients with a larger norm are scaled down to this one.
        label_smoothing: share of the target spread evenly over the classes.
        mixup: alpha of MixUp, see ``trainables.mixup``.
        flip: random horizontal flip, probability 1/2.
        crop_padding: pixels of black padding before a random crop back to size.
        auto_augment: AutoAugment's CIFAR-10 policy, see ``trainables.data.auto_augment``.
        noise: standard deviation of Gaussian noise on the normalised image, not clipped.
        erasing: probability of erasing a random rectangle.
        region_swap: place of the patches that the images of a batch exchange: ``none``; a corner,
            which claims to know the shortcut's place; ``attended``, the place that a short first
            training reads; or ``random``; see ``trainables.data.region_swap`` and
            ``trainables.attended_region``.
        swap_size: side of the patch as a share of the image's side.
        swap_probability: share of the images that get another image's patch.
        attended_share: epochs of that first training as a share of the trial's own, which follow
            it; see ``trainables.first_training``.
        reweighting: ``none``, or ``jtt``, Just Train Twice, see ``trainables.just_train_twice``.
        jtt_share: epochs of JTT's first training as a share of the trial's own, which follow it.
        jtt_weight: how many times as often the trial's own training draws the first one's errors.
        class_weights: ``none``, or ``balanced``: an image's loss counts in inverse proportion to
            the training images of its class.
        sampling: ``none``, or ``balanced``: every class is drawn equally often.
        init: ``none``, or the path of a ``weights.pt`` from which the training starts, see
            ``trainables.initial_weights``.

    Raises:
        UsageError: a value is of the wrong type or out of bounds.
    """

    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: Annotated[float, Field(gt=0, le=100)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0, le=10), Key(off=0.0)] = 0.0
    momentum: Annotated[
        float, Field(ge=0, le=0.9999), Key(off=0.0, of="optimizer", option="sgd")
    ] = 0.9
    nesterov: Annotated[bool, Key(off=False, of="optimizer", option="sgd")] = True
    schedule: Literal["cosine", "one_cycle", "constant", "halving"] = "cosine"
    eta_min: Annotated[Share, Key(off=0.0, of="schedule", option="cosine")] = 0.0
    t_max: Annotated[float, Field(gt=0, le=10), Key(of="schedule", option="cosine")] = 1.0
    warmup: Annotated[float, Field(ge=0.01, le=0.99), Key(of="schedule", option="one_cycle")] = 0.3
    peak_factor: Annotated[float, Field(gt=0, le=100), Key(of="schedule", option="one_cycle")] = 1.0
    cycle_momentum: Annotated[bool, Key(off=False, of="schedule", option="one_cycle")] = False
    halve_every: Annotated[int, Field(ge=1, le=10_000), Key(of="schedule", option="halving")] = 10
    batch_size: Annotated[int, Field(ge=1, le=8192)] = 128
    clip_norm: Annotated[float, Field(ge=0, le=1e6), Key(off=0.0)] = 0.0
    label_smoothing: Annotated[float, Field(ge=0, le=0.9), Key(off=0.0)] = 0.0
    mixup: Annotated[float, Field(ge=0, le=10), Key(off=0.0, changes="images and labels")] = 0.0
    flip: Annotated[bool, Key(off=False, changes="images")] = False
    crop_padding: Annotated[int, Field(ge=0, le=64), Key(off=0, changes="images")] = 0
    auto_augment: Annotated[bool, Key(off=False, changes="images")] = False
    noise: Annotated[float, Field(ge=0, le=10), Key(off=0.0, changes="images")] = 0.0
    erasing: Annotated[Share, Key(off=0.0, changes="images")] = 0.0
    region_swap: Annotated[Place, Key(off="none", changes="images")] = "none"
    swap_size: Annotated[float, Field(gt=0, le=1), Key(of="region_swap")] = 0.4
    swap_probability: Annotated[Share, Key(off=0.0, of="region_swap")] = 1.0
    attended_share: Annotated[
        float, Field(ge=0.01, le=0.9), Key(of="region_swap", option=ATTENDED)
    ] = 0.05
    reweighting: Annotated[Literal["none", "jtt"], Key(off="none")] = "none"
    jtt_share: Annotated[float, Field(ge=0.01, le=0.9), Key(of="reweighting", option="jtt")] = 0.1
    jtt_weight: Annotated[float, Field(ge=1, le=1e6), Key(of="reweighting", option="jtt")] = 16.0
    class_weights: Annotated[Balance, Key(off="none")] = "none"
    sampling: Annotated[Balance, Key(off="none")] = "none"
    init: Annotated[str, Field(min_length=1), Key(off="none")] = "none"

    @property
    def assumption(self) -> str:
        """What the recipe claims to know about the shortcut; empty if nothing."""
        return f"the shortcut lies {self.region_swap}" if self.region_swap in CORNERS else ""

    @property
    def augmentations(self) -> dict[str, Key]:
        """The keys that change its training's images."""
        switched = {name: key for name, key in RECIPE_KEYS.items() if key.changes}
        return {name: key for name, key in switched.items() if getattr(self, name) != key.off}


def _keys() -> dict[str, Key]:
    """Every key of the recipe with what it is."""
    hints = get_type_hints(Recipe, include_extras=True)
    parts = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {
        name: next((part for part in marks if isinstance(part, Key)), Key())
        for name, marks in parts.items()
    }


RECIPE_KEYS = _keys()


def kinds(architecture: str) -> dict[str, type]:
    """The type of each key of the recipe and of ``architecture``."""
    defaults = {name: getattr(Recipe, name) for name in RECIPE_KEYS}
    defaults |= architectures.parameters(architecture)
    return {name: type(default) for name, default in defaults.items()}


def check(key: str, value: Any) -> Value:
    """``value``, if the recipe's key ``key`` may have it (an int stands for a float).

    Raises:
        UsageError: ``value`` is of the wrong type or out of bounds.
    """
    allowed: Value = getattr(Recipe(**{key: value}), key)
    return allowed


def rests(name: str, values: Mapping[str, Value]) -> bool:
    """True if the recipe's key ``name`` has no effect beside ``values``, of recipe keys or more."""
    key = RECIPE_KEYS.get(name, Key())
    if not key.of:
        return False
    chosen = values.get(key.of, getattr(Recipe, key.of))
    return bool(chosen != key.option if key.option else chosen == RECIPE_KEYS[key.of].off)


@validated
class Setting:
    """Everything that decides a trial's result, given its data.

    ``Setting(**values)`` reads back what ``asdict`` wrote as JSON values.

    Attributes:
        architecture: name of a file in ``trainables/architectures``.
        parameters: the architecture's own hyperparameters; those left out have their defaults.
        recipe: how it is trained.
        epochs: passes over the training images, 1 or more.
        seed: the seed of initialisation, data order, augmentation and dropout.

    Raises:
        UsageError: a key is missing or unknown, or a value not allowed.
    """

    architecture: str
    parameters: dict[str, Value]
    recipe: Recipe
    epochs: Annotated[int, Field(ge=1)]
    seed: int

    @classmethod
    def of(cls, architecture: str, values: dict[str, Value], epochs: int, seed: int) -> "Setting":
        """A setting from flat ``values``, each a key of the recipe or of the architecture.

        Raises:
            UsageError: a key that neither has, or a value that is not allowed.
        """
        defaults = architectures.parameters(architecture)
        recipe: dict[str, Any] = {}
        own: dict[str, Value] = {}
        for key, value in values.items():
            if key in RECIPE_KEYS:
                recipe[key] = value
            elif key in defaults:
                own[key] = checked(type(defaults[key]), value, key)
            else:
                raise UsageError(
                    f"{key} is neither a recipe's key nor a parameter of {architecture}"
                    f"{nearest(key, kinds(architecture))}"
                )
        return cls(architecture, own, Recipe(**recipe), epochs, seed)

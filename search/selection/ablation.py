"""Ablation: compares every combination of parts switched on and off, over several seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from search.trials.spec import Point
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest
from trainables.recipe import RECIPE_KEYS, Setting, Value, rests

CONFIDENCE = 0.95


@dataclass(frozen=True)
class EffectEstimate:
    """A mean over seeds.

    Attributes:
        mean: mean of the seeds' values.
        std: standard deviation of the sample (over n - 1).
        low: lower end of the 95% interval of the mean, by Student's t.
        high: upper end of that interval.
        seeds: number of values.
    """

    mean: float
    std: float
    low: float
    high: float
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "EffectEstimate | None":
        """The estimate from two or more values; None for fewer, whose spread is unknown."""
        if len(values) < 2:
            return None
        mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
        from scipy.stats import t as student_t  # imported late, as it takes half a second

        reach = float(student_t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * std
        reach /= len(values) ** 0.5
        return cls(mean, std, mean - reach, mean + reach, len(values))


@dataclass(frozen=True)
class Variant:
    """A combination of parts.

    Attributes:
        on: the parts that are switched on.
        values: flat values of recipe and architecture.
    """

    on: tuple[str, ...]
    values: dict[str, Value]

    @property
    def label(self) -> str:
        """The parts that are on, such as ``batch_norm+dropout``; ``none`` if all are off."""
        return "+".join(self.on) or "none"


@dataclass(frozen=True)
class Comparison:
    """The result of a combination.

    Attributes:
        label: label of the combination.
        on: the parts that are switched on.
        accuracies: the scores, by seed.
        accuracy: mean of the scores; None for fewer than two.
        difference: mean difference, over common seeds, from the combination with every part on;
            None for that one.
    """

    label: str
    on: tuple[str, ...]
    accuracies: dict[int, float]
    accuracy: EffectEstimate | None
    difference: EffectEstimate | None


def variants(architecture: str, values: dict[str, Value], toggles: Sequence[str]) -> list[Variant]:
    """Every combination of ``toggles``, the one with all of them on first.

    A part that is on keeps its value in ``values``.

    Raises:
        UsageError: a part does not exist, has no effect, is off already, or cannot be switched off.
    """
    if not toggles or len(set(toggles)) < len(toggles):
        raise UsageError("--toggle: name one part or more, each once")
    Setting.of(architecture, values, 1, 0)
    off = {key: _off(key, values) for key in toggles}
    _check_independent(toggles)
    all_variants = []
    for chosen in product((True, False), repeat=len(toggles)):
        on = tuple(key for key, is_on in zip(toggles, chosen, strict=True) if is_on)
        switched = {key: off[key] for key in toggles if key not in on}
        all_variants.append(Variant(on, {**values, **switched}))
    return all_variants


def _check_independent(toggles: Sequence[str]) -> None:
    for key in toggles:
        owner = RECIPE_KEYS[key].of if key in RECIPE_KEYS else ""
        if owner in toggles:
            raise UsageError(f"--toggle {key}: no effect while {owner} is off; toggle one of them")


def _off(key: str, values: dict[str, Value]) -> Value:
    if key not in values:
        raise UsageError(
            f"--toggle {key}: the setting has no such key; its keys are {', '.join(values)}"
            f"{nearest(key, values)}"
        )
    value = values[key]
    off = RECIPE_KEYS[key].off if key in RECIPE_KEYS else _nothing(value)
    if off is None:
        raise UsageError(f"--toggle: {key} cannot be switched off, as no value of it means off")
    if rests(key, values):
        raise UsageError(
            f"--toggle {key}: it has no effect in this setting; it belongs to {RECIPE_KEYS[key].of}"
        )
    if value == off:
        raise UsageError(
            f"--toggle {key}: it is already off in this setting ({key}={value}); switch it on "
            f"with --set {key}=VALUE"
        )
    return off


def _nothing(value: Value) -> Value:
    """The value that switches a parameter of an architecture off: false, 0 or none."""
    return "none" if isinstance(value, str) else type(value)(0)


def points(combinations: Sequence[Variant], seeds: int) -> tuple[Point, ...]:
    """A trial for every combination and seed, ordered by seed."""
    return tuple(
        Point(f"{variant.label}-seed{seed}", variant.values, seed)
        for seed in range(seeds)
        for variant in combinations
    )


def compare(
    combinations: Sequence[Variant], accuracies: dict[tuple[str, int], float]
) -> list[Comparison]:
    """Mean, spread and difference from the first of ``combinations``.

    Args:
        combinations: the combinations that were trained.
        accuracies: scores by label and seed, without failed trials.
    """
    by_label = {
        variant.label: {
            seed: a for (label, seed), a in accuracies.items() if label == variant.label
        }
        for variant in combinations
    }
    reference = by_label[combinations[0].label]
    return [
        Comparison(
            variant.label,
            variant.on,
            by_label[variant.label],
            EffectEstimate.of(list(by_label[variant.label].values())),
            None if variant is combinations[0] else _difference(by_label[variant.label], reference),
        )
        for variant in combinations
    ]


def effects(
    combinations: Sequence[Variant], accuracies: dict[tuple[str, int], float]
) -> dict[str, EffectEstimate | None]:
    """The effect of each part: on minus off, averaged over the other parts' combinations, by seed.

    Only seeds for which every combination has ended count.
    """
    seeds = sorted({seed for _, seed in accuracies})
    whole = [s for s in seeds if all((variant.label, s) in accuracies for variant in combinations)]

    def mean(seed: int, key: str, on: bool) -> float:
        chosen = [v for v in combinations if (key in v.on) is on]
        return float(np.mean([accuracies[v.label, seed] for v in chosen]))

    return {
        key: EffectEstimate.of([mean(seed, key, True) - mean(seed, key, False) for seed in whole])
        for key in combinations[0].on
    }


def _difference(ours: dict[int, float], theirs: dict[int, float]) -> EffectEstimate | None:
    return EffectEstimate.of([ours[seed] - theirs[seed] for seed in ours if seed in theirs])

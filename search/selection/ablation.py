"""Ablation: every combination of parts switched on and off, over several seeds, compared."""

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
        mean: of the seeds' values.
        std: their standard deviation (of a sample: over n - 1).
        low: lower end of the 95% interval of the mean, by Student's t.
        high: its upper end.
        seeds: how many values there are.
    """

    mean: float
    std: float
    low: float
    high: float
    seeds: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "EffectEstimate | None":
        """Of two values or more; None of fewer, whose spread is unknown."""
        if len(values) < 2:
            return None
        mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
        from scipy.stats import t as student_t  # half a second that a search does without

        reach = float(student_t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * std
        reach /= len(values) ** 0.5
        return cls(mean, std, mean - reach, mean + reach, len(values))


@dataclass(frozen=True)
class Variant:
    """One combination.

    Attributes:
        on: the parts that are switched on.
        values: flat values of recipe and architecture.
    """

    on: tuple[str, ...]
    values: dict[str, Value]

    @property
    def label(self) -> str:
        """``batch_norm+dropout``; ``none`` where every part is off."""
        return "+".join(self.on) or "none"


@dataclass(frozen=True)
class Comparison:
    """One combination's result.

    Attributes:
        label: of the combination.
        on: the parts that are switched on.
        accuracies: the scores, by seed.
        accuracy: their mean, or None of fewer than two.
        difference: to the combination with every part on, seed by seed; None for that one itself.
    """

    label: str
    on: tuple[str, ...]
    accuracies: dict[int, float]
    accuracy: EffectEstimate | None
    difference: EffectEstimate | None


def variants(architecture: str, values: dict[str, Value], toggles: Sequence[str]) -> list[Variant]:
    """Every combination of ``toggles``, the one with all of them on first.

    A part that is on has its value in ``values``.

    Raises:
        UsageError: a part that is not there, rests, is off already, or cannot be switched off.
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
            raise UsageError(f"--toggle {key}: it rests where {owner} is off; toggle one of them")


def _off(key: str, values: dict[str, Value]) -> Value:
    if key not in values:
        raise UsageError(
            f"--toggle {key}: the setting has no such key; its keys are {', '.join(values)}"
            f"{nearest(key, values)}"
        )
    value = values[key]
    off = RECIPE_KEYS[key].off if key in RECIPE_KEYS else _nothing(value)
    if off is None:
        raise UsageError(f"--toggle: {key} cannot be switched off; no value of it does")
    if rests(key, values):
        raise UsageError(
            f"--toggle {key}: it rests in the setting; it belongs to {RECIPE_KEYS[key].of}"
        )
    if value == off:
        raise UsageError(
            f"--toggle {key}: it is off in the setting already ({key}={value}); "
            f"--set {key}=VALUE switches it on"
        )
    return off


def _nothing(value: Value) -> Value:
    """What switches a parameter of an architecture off: false, 0 or none."""
    return "none" if isinstance(value, str) else type(value)(0)


def points(combinations: Sequence[Variant], seeds: int) -> tuple[Point, ...]:
    """A trial for every combination and seed; the combinations of a seed stand together."""
    return tuple(
        Point(f"{variant.label}-seed{seed}", variant.values, seed)
        for seed in range(seeds)
        for variant in combinations
    )


def compare(
    combinations: Sequence[Variant], accuracies: dict[tuple[str, int], float]
) -> list[Comparison]:
    """Mean, spread and difference to the first of ``combinations``.

    Args:
        combinations: what was trained.
        accuracies: by label and seed; without the trials that failed.
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
    """What each part brings: on less off, averaged over the combinations of the others, by seed.

    Only seeds whose every combination ended are used.
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

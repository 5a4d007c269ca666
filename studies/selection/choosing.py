"""Simulate searches over recorded trainings, and apply each rule of selection.

A search gives each setting one recorded training, and Convoy's own scheduler stops some early. The
choice depends on the rule: which trials share a ladder, which epoch counts, on which images, and
whether finalists are trained again.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, product
from types import SimpleNamespace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from ray.tune.schedulers import TrialScheduler

from search.proposals.schedulers.asha import AshaScheduler
from search.space.budget import Budget
from studies.selection.recording import RecordedCurve, StudySetting
from trainables.best_epoch import ACCURACY, figure_of
from trainables.boundary.errors import UsageError

FINALISTS, FINALIST_SEEDS = 3, 3  # finalists of each architecture; trainings of each finalist
SPLITS = ("val", "test")
# Share of the images whose digit agrees with the label, by the split on which a search chooses: one
# whose digits are drawn uniformly, or one that is taken from the training images.
SHARES = {"unbiased": 0.1, "biased": 0.64}

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class SelectionRule:
    """A rule of selection; the default is Convoy's.

    Each architecture is a search of its own, or all form one search. The ``FINALISTS`` best trials
    of each architecture are trained again to the end and the best mean is chosen, or they are not.
    """

    ladders: Literal["separate", "pooled"] = "separate"
    epoch: Literal["best", "last"] = "best"
    finalists: bool = True
    validation: Literal["unbiased", "biased"] = "unbiased"

    def __str__(self) -> str:
        finalists = "finalists" if self.finalists else ""
        return f"{self.ladders:9}{self.epoch:5}{finalists:10}{self.validation}"


CONVOY = SelectionRule()
RULES = tuple(
    SelectionRule(ladders, epoch, finalists, validation)  # type: ignore[arg-type]
    for validation, ladders, epoch, finalists in product(
        ("unbiased", "biased"), ("separate", "pooled"), ("best", "last"), (True, False)
    )
)


@dataclass(frozen=True)
class AccuracyTable:
    """C settings, each trained with S seeds for E epochs.

    ``aligned`` and ``conflicting``, (C, S, E), are accuracies on the images that searches see, by
    whether the digit agrees with the label. ``unseen`` is on unbiased images that no search sees.
    """

    settings: tuple[StudySetting, ...]
    aligned: Floats
    conflicting: Floats
    unseen: Floats

    @classmethod
    def of(
        cls, settings: Sequence[StudySetting], curves: Sequence[RecordedCurve], seen: str = "val"
    ) -> "AccuracyTable":
        """The table if searches see one split and the other is the truth.

        Raises:
            UsageError: a curve is missing, diverged, or belongs to no setting.
        """
        by_key = {curve.key: curve.metrics for curve in curves if not curve.diverged}
        seeds = range(len(curves) // len(settings))
        keys = [[(each.architecture, each.number, seed) for seed in seeds] for each in settings]
        if len(by_key) != len(curves) or {key for row in keys for key in row} != set(by_key):
            raise UsageError(
                f"not all {len(settings)} settings have {len(seeds)} curves that reached their "
                "end; train the missing ones: python -m studies.selection.recording"
            )
        splits = (seen, SPLITS[1 - SPLITS.index(seen)])
        aligned, conflicting, *unseen = (
            np.array([[by_key[key][f"{split}_accuracy_{kind}"] for key in row] for row in keys])
            for split, kind in product(splits, ("aligned", "conflicting"))
        )
        return cls(tuple(settings), aligned, conflicting, mixed(unseen[0], unseen[1], "unbiased"))

    @property
    def architectures(self) -> list[str]:
        """The architectures of the settings, in order."""
        return [each.architecture for each in self.settings]

    def seen(self, validation: str) -> Floats:
        """(C, S, E), the expected accuracy on a validation split of a kind of ``SHARES``."""
        return mixed(self.aligned, self.conflicting, validation)

    @cached_property
    def worth(self) -> Floats:
        """(C, S), accuracy on unseen images at the best epoch on the unbiased split."""
        epoch = self.seen("unbiased").argmax(axis=2)
        accuracy: Floats = np.take_along_axis(self.unseen, epoch[:, :, None], axis=2)[:, :, 0]
        return accuracy

    @cached_property
    def truth(self) -> Floats:
        """(C,), the mean worth of each setting."""
        means: Floats = self.worth.mean(axis=1)
        return means


def mixed(aligned: Floats, conflicting: Floats, validation: str) -> Floats:
    """Expected accuracy on a validation split of a kind of ``SHARES``."""
    share = SHARES[validation]
    return share * aligned + (1 - share) * conflicting


@dataclass(frozen=True, eq=False)
class RandomDraws:
    """The random draws of one simulated search, the same for all rules.

    ``order`` are the settings that are tried, ``seeds``, (C,), the seeds of their trials,
    ``fresh``, (C, FINALIST_SEEDS), those of their trainings as finalists, ``unused`` all others.
    """

    order: list[int]
    seeds: Integers
    fresh: Integers
    unused: Integers

    @classmethod
    def of(cls, table: AccuracyTable, trials: int, random: np.random.Generator) -> "RandomDraws":
        """Draw at most ``trials`` settings of each architecture, uniformly."""
        count, seeds = table.worth.shape
        tried, order = Counter[str](), []
        for index in random.permutation(count).tolist():
            name = table.settings[index].architecture
            tried[name] += 1
            if tried[name] <= trials:
                order.append(index)
        drawn = random.permuted(np.tile(np.arange(seeds), (count, 1)), axis=1)
        parts = np.split(drawn, [1, 1 + FINALIST_SEEDS], axis=1)
        return cls(order, parts[0][:, 0], parts[1], np.sort(parts[2], axis=1))


@dataclass(frozen=True)
class Chosen:
    """The result of a search: a setting, the accuracy that it reports, the epochs that it took."""

    setting: int
    score: float
    epochs: int


def choices(table: AccuracyTable, draws: RandomDraws, budget: Budget) -> Iterator[Chosen]:
    """The choice of each of ``RULES``, in order."""
    for _, group in groupby(RULES, lambda rule: (rule.ladders, rule.validation)):
        rules = list(group)
        epochs = trained_epochs(rules[0], table, draws, budget)
        yield from (choose(rule, table, draws, epochs) for rule in rules)


def trained_epochs(
    rule: SelectionRule, table: AccuracyTable, draws: RandomDraws, budget: Budget
) -> Integers:
    """Epochs that ASHA lets each setting's trial train, (C,); 0 for settings without a trial."""
    searches, seen = _searches(table, rule), table.seen(rule.validation)
    schedulers = {name: AshaScheduler(budget) for name in searches}
    epochs = np.zeros(len(searches), dtype=np.int64)
    for index in draws.order:  # one trial after the other
        history = seen[index, draws.seeds[index]]
        epochs[index] = _train(schedulers[searches[index]], table.settings[index], history)
    return epochs


def _searches(table: AccuracyTable, rule: SelectionRule) -> list[str]:
    """The search that each setting is part of."""
    return table.architectures if rule.ladders == "separate" else ["all"] * len(table.settings)


def _train(scheduler: AshaScheduler, setting: StudySetting, history: Floats) -> int:
    config = {"number": setting.number, "values": setting.values}
    trial_id = f"{setting.architecture}-{setting.number}"
    trial = SimpleNamespace(trial_id=trial_id, config=config)  # all that the scheduler reads
    scheduler.on_trial_add(None, trial)
    for epoch, accuracy in enumerate(history, 1):
        result = {"epoch": epoch, figure_of(ACCURACY): accuracy}
        if scheduler.on_trial_result(None, trial, result) == TrialScheduler.STOP:
            return epoch
    return len(history)


def choose(
    rule: SelectionRule, table: AccuracyTable, draws: RandomDraws, epochs: Integers
) -> Chosen:
    """The choice of ``rule`` among trials that were trained for ``epochs``, (C,)."""
    seen, spent = table.seen(rule.validation), int(epochs.sum())
    scores = {
        index: _mean_score(seen[index, draws.seeds[index], : epochs[index]][None], rule.epoch)
        for index in draws.order
    }
    ranked = sorted(scores, key=lambda index: -scores[index])  # the earlier of two alike
    if not rule.finalists:
        return Chosen(ranked[0], scores[ranked[0]], spent)
    finalists = _finalists(ranked, table, rule)
    again = [_mean_score(seen[index, draws.fresh[index]], rule.epoch) for index in finalists]
    first = int(np.argmax(again))
    spent += len(finalists) * FINALIST_SEEDS * seen.shape[2]
    return Chosen(finalists[first], again[first], spent)


def _finalists(ranked: list[int], table: AccuracyTable, rule: SelectionRule) -> list[int]:
    """The finalists of each search; a search of several architectures has the sum of theirs."""
    searches = _searches(table, rule)
    names = dict.fromkeys(searches)
    places = FINALISTS * len(set(table.architectures)) // len(names)
    return [i for name in names for i in [i for i in ranked if searches[i] == name][:places]]


def _mean_score(histories: Floats, epoch: str) -> float:
    """The mean score over trainings (S, E)."""
    return float((histories.max(axis=1) if epoch == "best" else histories[:, -1]).mean())

"""Simulated searches among candidates whose trainings were recorded, and what they choose.

A search gives each candidate one recorded training, and Convoy's own scheduler stops some early.
What is chosen depends on the rule: which trials share a ladder, which epoch counts, on what images,
and whether finalists are trained again.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, product
from typing import Any, Literal, get_args

import numpy as np
from ray.tune.schedulers import TrialScheduler

from benchmarks.candidates import Candidate
from benchmarks.trainings import Floats, Integers, Trainings
from search.proposals.scheduler import AshaScheduler
from search.space.budget import Budget
from search.trials.record import METRIC

FINALISTS, FINALIST_SEEDS = 3, 3  # of each architecture; trainings of each finalist

Ladders = Literal["separate", "pooled"]
Epoch = Literal["best", "last"]
Validation = Literal["unbiased", "biased"]


@dataclass(frozen=True)
class Rule:
    """How a search chooses; by default as Convoy does.

    Attributes:
        ladders: whether each architecture is a search of its own, on ladders of its own, or all
            together are one.
        epoch: which epoch a training is judged by.
        finalists: whether the ``FINALISTS`` best of each search are trained again, each with
            ``FINALIST_SEEDS`` fresh seeds to the end, and the best of them by their mean is chosen.
            A search of several architectures has as many finalists as theirs have together.
        validation: the split that accuracies are of, those that the scheduler sees too.
    """

    ladders: Ladders = "separate"
    epoch: Epoch = "best"
    finalists: bool = True
    validation: Validation = "unbiased"


CONVOY = Rule()
RULES = tuple(
    Rule(ladders, epoch, finalists, validation)
    for validation, ladders, epoch, finalists in product(
        get_args(Validation), get_args(Ladders), get_args(Epoch), (True, False)
    )
)


@dataclass(frozen=True, eq=False)
class Chance:
    """What is drawn for one simulated search, the same whatever the rule.

    Attributes:
        order: the candidates that are tried, in order.
        seeds: (C,), the seed of each candidate's trial.
        fresh: (C, FINALIST_SEEDS), those of its trainings as a finalist.
    """

    order: Integers
    seeds: Integers
    fresh: Integers

    @classmethod
    def draw(cls, trainings: Trainings, trials: int, random: np.random.Generator) -> "Chance":
        """At most so many ``trials`` of each architecture.

        Candidates, order and seeds are drawn evenly; a finalist's seeds differ from its trial's.
        """
        count, seeds, _ = trainings.aligned.shape
        shuffled = random.permutation(count)
        tried, order = Counter[str](), []
        for index in shuffled:
            name = trainings.architectures[index]
            tried[name] += 1
            if tried[name] <= trials:
                order.append(index)
        drawn = random.permuted(np.tile(np.arange(seeds), (count, 1)), axis=1)
        return cls(np.array(order), drawn[:, 0], drawn[:, 1 : 1 + FINALIST_SEEDS])

    def unused(self, candidate: int, seeds: int) -> Integers:
        """Those of all ``seeds`` that neither a trial nor a finalist has of the candidate."""
        used = [self.seeds[candidate], *self.fresh[candidate]]
        return np.setdiff1d(np.arange(seeds), used)


@dataclass(frozen=True)
class Choice:
    """What a search ends with.

    Attributes:
        candidate: its index.
        search_score: the accuracy of its trial, by which it came among the finalists.
        score: the accuracy that the search reports of it: as a finalist, where there are any.
        epochs: that the search trained in all.
    """

    candidate: int
    search_score: float
    score: float
    epochs: int


@dataclass(frozen=True)
class _Trial:
    """What the scheduler needs of Tune's."""

    trial_id: str
    config: dict[str, Any]


def choices(trainings: Trainings, chance: Chance, budget: Budget) -> Iterator[Choice]:
    """What is chosen by each of ``RULES``, in their order."""
    for (ladders, validation), rules in groupby(RULES, lambda r: (r.ladders, r.validation)):
        epochs = trained_epochs(trainings, chance, budget, ladders, validation)
        for rule in rules:
            yield choose(rule, trainings, chance, epochs)


def trained_epochs(
    trainings: Trainings, chance: Chance, budget: Budget, ladders: Ladders, validation: Validation
) -> Integers:
    """Epochs that ASHA lets each candidate's trial train, (C,); 0 if it diverges or has none."""
    searches = _searches(trainings, ladders)
    schedulers = {name: AshaScheduler(budget) for name in searches}
    seen = trainings.seen(validation)
    epochs = np.zeros(len(searches), dtype=np.int64)
    for index in chance.order:  # one trial after the other
        history = seen[index, chance.seeds[index]]
        scheduler, candidate = schedulers[searches[index]], trainings.candidates[index]
        epochs[index] = _run(scheduler, candidate, history)
    return epochs


def _searches(trainings: Trainings, ladders: Ladders) -> tuple[str, ...]:
    """The search that each candidate is part of."""
    names = trainings.architectures
    return names if ladders == "separate" else ("all",) * len(names)


def _run(scheduler: AshaScheduler, candidate: Candidate, history: Iterable[float]) -> int:
    name = f"{candidate.architecture}-{candidate.number}"
    trial = _Trial(name, {"number": candidate.number, "values": candidate.values})
    scheduler.on_trial_add(None, trial)
    epoch = 0
    for epoch, accuracy in enumerate(history, 1):
        if np.isnan(accuracy):
            scheduler.on_trial_error(None, trial)
            return 0
        result = {"epoch": epoch, METRIC: accuracy}
        if scheduler.on_trial_result(None, trial, result) == TrialScheduler.STOP:
            break
    return epoch


def choose(rule: Rule, trainings: Trainings, chance: Chance, epochs: Integers) -> Choice:
    """What ``rule`` chooses of trials that were trained for ``epochs``, (C,)."""
    seen = trainings.seen(rule.validation)
    scores = {
        int(index): _score(seen[index, chance.seeds[index], : epochs[index]], rule.epoch)
        for index in chance.order
        if epochs[index]  # what failed is never chosen
    }
    ranked = sorted(scores, key=lambda index: -scores[index])  # the earlier of two alike
    spent = int(epochs.sum())
    if not rule.finalists:
        return Choice(ranked[0], scores[ranked[0]], scores[ranked[0]], spent)
    finalists = _finalists(ranked, trainings, rule.ladders)
    again = [_mean_score(seen[index, chance.fresh[index]], rule.epoch) for index in finalists]
    first = int(np.argmax(again))
    spent += len(finalists) * FINALIST_SEEDS * seen.shape[2]
    return Choice(finalists[first], scores[finalists[first]], again[first], spent)


def _finalists(ranked: list[int], trainings: Trainings, ladders: Ladders) -> list[int]:
    searches = _searches(trainings, ladders)
    names, architectures = dict.fromkeys(searches), len(set(trainings.architectures))
    places = FINALISTS * architectures // len(names)
    return [
        index for name in names for index in [i for i in ranked if searches[i] == name][:places]
    ]


def _score(history: Floats, epoch: Epoch) -> float:
    """The accuracy of a training that did not diverge."""
    return float(history.max() if epoch == "best" else history[-1])


def _mean_score(histories: Floats, epoch: Epoch) -> float:
    """Over trainings to the end; one that diverges is worth nothing."""
    diverged = np.isnan(histories[:, -1])
    scores = np.nanmax(histories, axis=1) if epoch == "best" else histories[:, -1]
    return float(np.where(diverged, 0.0, scores).mean())

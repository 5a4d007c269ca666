"""How right the choices of many simulated searches were, rule by rule."""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.choosing import CONVOY, FINALIST_SEEDS, RULES, Chance, Rule, Selection, choices
from benchmarks.trainings import Floats, Trainings
from search.selection.ablation import EffectEstimate
from search.space.budget import Budget
from trainables.boundary.errors import UsageError
from trainables.seeding import derive

_ALONE = replace(CONVOY, finalists=False)
# What is compared, search by search: a rule, and the one that it differs from in a single choice.
COMPARED = {
    "one ladder for all architectures": (replace(CONVOY, ladders="pooled"), CONVOY),
    "the last epoch": (replace(CONVOY, epoch="last"), CONVOY),
    "no finalists": (_ALONE, CONVOY),
    "biased validation images": (replace(CONVOY, validation="biased"), CONVOY),
    "one ladder, neither finalists": (replace(_ALONE, ladders="pooled"), _ALONE),
}


@dataclass(frozen=True)
class Figures:
    """How right one choice was, or the means of many.

    Attributes:
        architecture: 1 if the truly best setting of those tried has the chosen one's architecture.
        setting: 1 if the truly best setting of those tried was chosen.
        within: 1 if the chosen setting is the best of its own architecture of those tried.
        regret: true accuracy of the best setting less that of the chosen one, 0 or more.
        luck: accuracy of the chosen trial, as the search saw it, less the setting's true one; below
            0 where the trial was stopped early.
        overstated: the accuracy that the search reports of its choice, less the true one.
        unused: accuracy of the chosen setting with the seeds that the search did not train.
        epochs: that the search trained, finalists included.
    """

    architecture: float
    setting: float
    within: float
    regret: float
    luck: float
    overstated: float
    unused: float
    epochs: float

    @classmethod
    def of(cls, choice: Selection, trainings: Trainings, chance: Chance) -> "Figures":
        """Those of ``choice``."""
        chosen, best = choice.candidate, trainings.best(chance.order)
        architecture, true = trainings.architectures[chosen], float(trainings.truth[chosen])
        unused = chance.unused(chosen, trainings.worth.shape[1])
        return cls(
            architecture=float(architecture == trainings.architectures[best]),
            setting=float(chosen == best),
            within=float(chosen == trainings.best(chance.order, architecture)),
            regret=float(trainings.truth[best]) - true,
            luck=choice.search_score - true,
            overstated=choice.score - true,
            unused=float(trainings.worth[chosen, unused].mean()),
            epochs=float(choice.epochs),
        )


NAMES = tuple(Figures.__dataclass_fields__)


@dataclass(frozen=True)
class Row:
    """The figures of one rule, each with its 95% interval over the searches."""

    rule: Rule
    figures: dict[str, EffectEstimate]


@dataclass(frozen=True)
class Verdict:
    """What many simulated searches tell.

    Attributes:
        searches: how many.
        seed: of their draws.
        truth: the true accuracy of every setting, by architecture, in the order of their numbers.
        rows: a rule each.
        changes: for each of ``COMPARED``, how much higher the one rule's figures are than the
            other's.
        unchosen: how much a training that nobody chose overstates its accuracy: what the seen
            images differ from the unseen, and that the best epoch is taken by them.
        kept: how much better a training's best epoch is than its last on unseen images.
    """

    searches: int
    seed: int
    truth: dict[str, list[float]]
    rows: list[Row]
    changes: dict[str, dict[str, EffectEstimate]]
    unchosen: EffectEstimate | None
    kept: EffectEstimate | None

    @classmethod
    def of(cls, trainings: Trainings, budget: Budget, searches: int, seed: int) -> "Verdict":
        """Simulate so many ``searches``, 2 or more.

        Raises:
            UsageError: there are too few seeds for finalists of their own.
        """
        seeds = trainings.worth.shape[1]
        if seeds < FINALIST_SEEDS + 2:  # one for the trial, and one that is left over
            raise UsageError(f"{FINALIST_SEEDS + 2} seeds or more are needed, not {seeds}")
        randoms = [np.random.default_rng(derive(seed, number)) for number in range(searches)]
        found = np.array([_figures(trainings, budget, random) for random in randoms])
        by_rule = dict(zip(RULES, found.swapaxes(0, 1), strict=True))
        whole = trainings.seen("unbiased")[~trainings.diverged]
        worth, last = (each[~trainings.diverged] for each in (trainings.worth, trainings.unseen))
        return cls(
            searches,
            seed,
            _truth(trainings),
            [Row(rule, _estimates(values)) for rule, values in by_rule.items()],
            {
                name: _estimates(by_rule[rule] - by_rule[other])
                for name, (rule, other) in COMPARED.items()
            },
            EffectEstimate.of((whole.max(axis=1) - worth).tolist()),
            EffectEstimate.of((worth - last[:, -1]).tolist()),
        )

    def row(self, rule: Rule) -> Row:
        """The figures of ``rule``."""
        return next(row for row in self.rows if row.rule == rule)

    def described(self) -> str:
        """All tables, in percent and points, as they are printed."""
        return "\n".join(
            [
                "true accuracy of the settings, best first",
                *(
                    f"  {name:8}" + " ".join(f"{100 * each:5.1f}" for each in sorted(found)[::-1])
                    for name, found in self.truth.items()
                ),
                "",
                _HEADER,
                *(_line(_described(row.rule), row.figures) for row in self.rows),
                "",
                "one choice changed: the difference",
                *(_line(name, change, "+") for name, change in self.changes.items()),
                "",
                "of trainings that nobody chose, in points: "
                f"accuracy overstated by {_cell(self.unchosen, '+', 2)}; "
                f"best epoch over last, truly {_cell(self.kept, '+', 2)}",
            ]
        )


def _figures(trainings: Trainings, budget: Budget, random: np.random.Generator) -> Floats:
    """Of one search by every rule, (rules, figures)."""
    chance = Chance.draw(trainings, budget.trials, random)
    found = [Figures.of(each, trainings, chance) for each in choices(trainings, chance, budget)]
    return np.array([[getattr(each, name) for name in NAMES] for each in found])


def _estimates(values: Floats) -> dict[str, EffectEstimate]:
    """Of (searches, figures), by figure."""
    found = {name: EffectEstimate.of(values[:, place].tolist()) for place, name in enumerate(NAMES)}
    return {name: estimate for name, estimate in found.items() if estimate is not None}


def _truth(trainings: Trainings) -> dict[str, list[float]]:
    names = trainings.architectures
    return {
        name: [float(t) for t, n in zip(trainings.truth, names, strict=True) if n == name]
        for name in dict.fromkeys(names)
    }


_COLUMNS = {  # digits behind the point, of percent
    "architecture": ("architecture", 1),
    "setting": ("setting", 1),
    "within": ("of its own", 1),
    "regret": ("regret", 2),
    "overstated": ("overstated", 1),
}
_HEADER = f"{'':33}" + "".join(f"{name:>12}" for name, _ in _COLUMNS.values()) + f"{'epochs':>8}"


def _described(rule: Rule) -> str:
    return (
        f"{rule.ladders:9}{rule.epoch:5}{'finalists' if rule.finalists else '':10}{rule.validation}"
    )


def _line(name: str, figures: dict[str, EffectEstimate], sign: str = "") -> str:
    cells = [_cell(figures[key], sign, digits) for key, (_, digits) in _COLUMNS.items()]
    epochs = f"{figures['epochs'].mean:{sign}z.0f}"
    return f"{name:33}" + "".join(f"{cell:>12}" for cell in cells) + f"{epochs:>8}"


def _cell(estimate: EffectEstimate | None, sign: str, digits: int) -> str:
    if estimate is None:
        return "unknown"
    mean, reach = 100 * estimate.mean, 100 * (estimate.high - estimate.mean)
    return f"{mean:{sign}z.{digits}f} ±{reach:.{digits}f}"

"""How often is the audit's verdict wrong? A study with constructed networks of known behaviour.

A network here is only its logits: normal noise, plus an amount on the label that gives it a certain
accuracy without the digit, plus β on the digit's class. A patch may add noise of its own. Labels
and digits are drawn, and the audit's own code judges the logits like those of a trained network.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from analysis.audit.groups import groups_of
from analysis.audit.intervals import Floats
from analysis.audit.paste import sources
from analysis.audit.pull import natural_pull
from analysis.audit.report import PASTED
from analysis.audit.swaps import Swaps, swaps_of
from analysis.audit.verdict import (
    CHEATS,
    LEANING_NATS,
    LEANS,
    NEITHER,
    READS,
    UNKNOWN,
    verdict_of,
)
from benchmarks.command import measured, parser_of
from trainables.data.dataset import Integers
from trainables.seeding import derive

SIZES, SMALL_SIZES = (300, 1000, 5000), (300, 1000)  # images of the first and of the other lines
ACCURACIES = (0.4, 0.6, 0.9)
BETAS = (0.0, 0.25, 0.5, 1.0, 2.773)
PATCHES = (0.0, 1.0, 3.0)  # standard deviations of the noise that a patch adds to each logit
_LARGE = 40_000  # images that show the true behaviour of a network


@dataclass(frozen=True)
class ConstructedNetwork:
    """A network, and the images that it sees.

    Attributes:
        beta: amount that the digit adds to the logit of its class, in nats.
        accuracy: accuracy without the digit; 0 for a network that does not see the picture.
        patch: standard deviation of the noise of a patch on each logit, drawn once per patch.
        kinds: number of digits and of classes.
        scale: standard deviation of the logits' noise.
        confused: whether it confuses some classes with each other.
        biased: whether it prefers some classes.
        alignment: share of the images whose digit agrees; 0 for chance.
        uneven: whether digits point to one class four times as often as to another.
        pasted: whether the digit's place is known, so that other digits can be pasted in.
    """

    beta: float
    accuracy: float = 0.6
    patch: float = 0.0
    kinds: int = 10
    scale: float = 1.0
    confused: bool = False
    biased: bool = False
    alignment: float = 0.0
    uneven: bool = False
    pasted: bool = True

    def labels(self, size: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
        """Labels and digits of ``size`` images."""
        labels = rng.integers(self.kinds, size=size)
        weights = 1 + 3 * (np.arange(self.kinds) == 0) if self.uneven else np.ones(self.kinds)
        if not self.alignment:
            return labels, rng.choice(self.kinds, size, p=weights / weights.sum())
        others = (labels + rng.integers(1, self.kinds, size)) % self.kinds
        return labels, np.where(rng.random(size) < self.alignment, labels, others)

    def picture(self, labels: Integers, rng: np.random.Generator, strength: float) -> Floats:
        """Logits of the pictures, (N, kinds)."""
        logits = rng.normal(size=(len(labels), self.kinds)) + strength * np.eye(self.kinds)[labels]
        if self.confused:
            logits += 1.5 * np.eye(self.kinds)[(labels + 1) % self.kinds]
        if self.biased:
            logits[:, 0] += 1
        return np.asarray(self.scale * logits)

    def strength(self) -> float:
        """The amount on the label's logit that gives the accuracy, in units of the noise."""
        return _strength(replace(self, beta=0.0, patch=0.0, alignment=0.0, scale=1.0))

    def truths(self) -> set[str]:
        """The right verdicts; two if both are right."""
        return _truths(self)


@cache
def _strength(network: ConstructedNetwork) -> float:
    if not network.accuracy:
        return 0.0
    low, high = 0.0, 12.0
    labels = np.random.default_rng(1).integers(network.kinds, size=_LARGE)
    for _ in range(25):
        middle = (low + high) / 2
        logits = network.picture(labels, np.random.default_rng(2), middle)
        below = (logits.argmax(axis=1) == labels).mean() < network.accuracy
        low, high = (middle, high) if below else (low, middle)
    return low


@cache
def _truths(network: ConstructedNetwork) -> set[str]:
    """The right verdicts; for a cheater, the weaker "leans" is right too."""
    if not network.beta:
        return {READS} if network.accuracy else {NEITHER}
    if network.beta / min(network.scale, 1.0) < LEANING_NATS:
        return {READS}
    labels, digits, scores, _ = drawn(network, _LARGE, np.random.default_rng(3), paste=False)
    conflicts, said = labels != digits, scores.argmax(axis=1)
    excess = float((said == digits)[conflicts].mean() - (said == labels)[conflicts].mean())
    return {CHEATS, LEANS} if excess > 0 else {LEANS}


def drawn(
    network: ConstructedNetwork, size: int, rng: np.random.Generator, paste: bool = True
) -> tuple[Integers, Integers, Floats, Swaps | str]:
    """Draw labels, digits, log-probabilities and swaps of ``size`` images."""
    labels, digits = network.labels(size, rng)
    pictures = network.picture(labels, rng, network.strength())
    noise = network.patch * rng.normal(size=(size, network.kinds))
    boost = network.beta * np.eye(network.kinds)
    natural = _log_softmax(pictures + boost[digits] + noise)
    if not paste:
        return labels, digits, natural, "not pasted"
    places = np.arange(size)[:: -(-size // PASTED)]
    patches = sources(digits, places, network.kinds)
    pasted = _log_softmax(pictures[places, None] + boost + noise[patches])
    before = natural[places].argmax(axis=1)
    return (
        labels,
        digits,
        natural,
        swaps_of(pasted, before, labels[places], digits[places], patches),
    )


def _log_softmax(logits: Floats) -> Floats:
    logits = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)))


def judged(network: ConstructedNetwork, size: int, rng: np.random.Generator) -> str:
    """The verdict on one draw of images."""
    labels, digits, natural, swaps = drawn(network, size, rng, network.pasted)
    groups = groups_of(natural.argmax(axis=1), labels, digits, network.kinds)
    return verdict_of(groups, natural_pull(natural, labels, digits), swaps, None).words


@dataclass(frozen=True)
class VerdictRates:
    """The share of draws with each verdict, for one network and one number of images."""

    network: ConstructedNetwork
    size: int
    verdicts: dict[str, float]

    @property
    def wrong(self) -> float:
        """The share of wrong verdicts; "cannot be told" is not wrong."""
        right = self.network.truths() | {UNKNOWN}
        return sum(share for words, share in self.verdicts.items() if words not in right)

    @property
    def open(self) -> float:
        """The share of draws with "cannot be told", or with "leans" for a cheater."""
        weaker = self.verdicts.get(LEANS, 0.0) if CHEATS in self.network.truths() else 0.0
        return self.verdicts.get(UNKNOWN, 0.0) + weaker


def rates(network: ConstructedNetwork, size: int, draws: int, seed: int) -> VerdictRates:
    """The rates of verdicts over ``draws`` draws."""
    rng = np.random.default_rng(seed)
    counts = Counter(judged(network, size, rng) for _ in range(draws))
    return VerdictRates(network, size, {words: n / draws for words, n in counts.items()})


def grid() -> dict[str, list[ConstructedNetwork]]:
    """The networks of each line of the table."""
    usual = [
        ConstructedNetwork(beta, accuracy, patch)
        for beta, accuracy, patch in product(BETAS, ACCURACIES, PATCHES)
    ]
    few = [network for network in usual if network.accuracy == 0.6 and network.patch < 3]
    return {
        "ten classes": usual,
        "three classes": [replace(network, kinds=3) for network in usual if network.accuracy > 0.4],
        "two classes": [replace(network, kinds=2) for network in usual if network.accuracy > 0.5],
        "no picture seen": [ConstructedNetwork(beta, 0.0, 0.0) for beta in (0.0, 1.0, 2.773, 20.0)],
        "classes taken for each other": [replace(network, confused=True) for network in few],
        "some classes preferred": [replace(network, biased=True) for network in few],
        "logits three times as large": [replace(network, scale=3.0) for network in few],
        "logits a tenth as large": [
            replace(network, scale=0.1, patch=0.1 * network.patch) for network in few
        ],
        "64% of the digits agree": [replace(network, alignment=0.64) for network in few],
        "30% of the digits agree": [replace(network, alignment=0.3) for network in few],
        "digits and logits favour a class": [replace(n, uneven=True, biased=True) for n in few],
        "nothing pasted in": [replace(network, pasted=False) for network in usual],
        "nothing pasted, a class favoured": [
            replace(n, pasted=False, uneven=True, biased=True) for n in few
        ],
        "nothing pasted in, two classes": [
            replace(n, pasted=False, kinds=2, accuracy=0.8) for n in few if n.accuracy > 0.5
        ],
    }


def described(name: str, found: list[VerdictRates]) -> Iterator[str]:
    """Yield a line of the table for each number of images."""
    for size in sorted({each.size for each in found}):
        cells = [each for each in found if each.size == size]
        worst = max(cells, key=lambda each: each.wrong)
        mean = sum(each.wrong for each in cells) / len(cells)
        open_ = sum(each.open for each in cells) / len(cells)
        most = max(each.open for each in cells)
        yield (
            f"{name:32} {size:6,} {len(cells):6} {100 * mean:6.1f}% {100 * worst.wrong:6.1f}%"
            f" {100 * open_:6.1f}% {100 * most:6.1f}%  {_called(worst.network)}"
        )


def _called(network: ConstructedNetwork) -> str:
    return f"β {network.beta:g}, accuracy {network.accuracy:g}, patch noise {network.patch:g}"


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; the exit status: 0, or 2 if a flag is wrong."""
    parser = parser_of("studies.verdict", __doc__)
    parser.add_argument(
        "--draws", type=int, default=200, metavar="N", help="draws per cell (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="seed of all draws (default: %(default)s)"
    )
    return measured(parser, _study, argv, {"draws": 1, "seed": 0})


def _study(arguments: argparse.Namespace) -> dict[str, Any]:
    heads = (f"{'networks':32} {'images':>6} {'cells':>6} {'wrong':>7} {'worst':>7} {'open':>7}",)
    print(*heads, f"{'most':>7}  the worst cell", flush=True)
    everything: list[dict[str, Any]] = []
    for name, networks in grid().items():
        sizes = SMALL_SIZES if everything else SIZES
        found = [
            rates(network, size, arguments.draws, derive(arguments.seed, number))
            for number, (size, network) in enumerate(product(sizes, networks))
        ]
        print(*described(name, found), sep="\n", flush=True)
        everything += [{"line": name, "wrong": each.wrong, **asdict(each)} for each in found]
    return {"cells": everything}


if __name__ == "__main__":
    sys.exit(main())

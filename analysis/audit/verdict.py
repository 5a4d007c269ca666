"""The audit in words, which follow from its figures by the thresholds here.

In this order:

* ``reads neither picture nor digit``: neither the accuracy nor the digit following of conflicting
  images is above chance, with the interval's lower end.
* ``cheats``: where picture and digit disagree, it says the digit more often than the label.
* ``leans on the digit``: the digit's boost is ``LEANING_NATS`` or more, which multiplies the odds
  of its class by 1.65 (a network that follows Bayes' rule on the biased set: 16; one trained on
  random digits was measured at 1.03), or another digit changes ``LEANING_FLIPS`` more of the
  predictions than another image of the same digit does (.35 and .01 there). The second catches a
  network that reads the digit but answers with another class than the digit's.
* ``reads the picture``: none of these.

"Digit" is "shortcut" where it is another than composite images' digits. Where it is not known where
a shortcut lies, so that none can be pasted in, a network leans if it is more accurate on aligned
images than on conflicting ones, with 95% intervals that do not meet.

Where it leans or cheats, a last layer refitted on images whose digits say nothing tells at whose
door that lies: a gain (interval above 0, and ``GAIN`` or more) shows that the features hold more
of the picture than the layer uses; without one the features themselves lack it.
"""

from dataclasses import dataclass

from analysis.audit.cue import DIGIT, Cue
from analysis.audit.decodability import Decodability
from analysis.audit.groups import Groups
from analysis.audit.intervals import Estimate
from analysis.audit.swaps import Swaps

LEANING_NATS = 0.5
LEANING_FLIPS = 0.05
GAIN = 0.02

READS, LEANS, CHEATS = "reads the picture", "leans on the digit", "cheats"
NEITHER = "reads neither picture nor digit"


@dataclass(frozen=True)
class Verdict:
    """What the figures come to.

    Attributes:
        words: ``reads the picture``, ``leans on the digit``, ``cheats`` or
            ``reads neither picture nor digit``.
        fault: ``readout``, ``features`` or ``unknown``; empty where there is none.
    """

    words: str
    fault: str

    @property
    def sentence(self) -> str:
        """The verdict with what is at fault."""
        why = {
            "": "",
            "readout": ": its last layer is at fault, the features hold more of the picture",
            "features": ": its features are at fault, another last layer gains nothing",
            "unknown": ": whether features or last layer are at fault is not known",
        }
        return self.words + why[self.fault]


def verdict_of(
    groups: Groups, swaps: Swaps | str, decodability: Decodability | None, cue: Cue = DIGIT
) -> Verdict:
    """The verdict on these figures; ``swaps`` may be why there are none."""
    words = _words(groups, swaps, 1 / cue.kinds)
    fault = _fault(decodability) if words in (LEANS, CHEATS) else ""
    return Verdict(words.replace("digit", cue.noun), fault)


def _words(groups: Groups, swaps: Swaps | str, chance: float) -> str:
    picture, digit = groups.conflicting, groups.following
    if not _above(chance, picture) and not _above(chance, digit):
        return NEITHER
    if _value(digit) > _value(picture):
        return CHEATS
    return LEANS if _leans(groups, swaps) else READS


def _leans(groups: Groups, swaps: Swaps | str) -> bool:
    if isinstance(swaps, str):
        aligned, conflicting = groups.aligned, groups.conflicting
        if aligned is None or conflicting is None:
            return False
        return aligned.low > conflicting.high
    flips = _value(swaps.flips) - _value(swaps.control)
    return _value(swaps.boost) >= LEANING_NATS or flips >= LEANING_FLIPS


def _fault(decodability: Decodability | None) -> str:
    if decodability is None or decodability.gain is None:
        return "unknown"
    return (
        "readout" if decodability.gain.value >= GAIN and decodability.gain.low > 0 else "features"
    )


def _above(chance: float, estimate: Estimate | None) -> bool:
    return estimate is not None and estimate.low > chance


def _value(estimate: Estimate | None) -> float:
    return 0.0 if estimate is None else estimate.value

"""The audit in words, which follow from its figures by the thresholds here.

A figure tells something if it rests on ``FEWEST`` images or more, and if one answer to all of them
would not be right: images of one class alone tell nothing. It shows that something is read if it is
above what the best such answer has, with the interval's lower end. In this order:

* ``reads neither picture nor digit``: neither the accuracy nor the digit following of conflicting
  images shows that anything is read, and no swap shows leaning.
* ``cheats``: where picture and digit disagree, it says the digit more often than the label.
* ``leans on the digit``: the digit's boost is ``LEANING_NATS`` or more, which multiplies the odds
  of its class by 1.65 (a network that follows Bayes' rule on the biased set: 16; one trained on
  random digits was measured at 1.03), or another digit changes ``LEANING_FLIPS`` more of the
  predictions than another image of the same digit does (.35 and .01 there). The second catches a
  network that reads the digit but answers with another class than the digit's.
* ``reads the picture``: none of these.

Where conflicting images tell nothing, the share predicted as the digit when the picture is grey
stands for the digit following, and the accuracy when the digit is grey for that on conflicting
images: a network cheats that reads the digit so and not the picture, and leans if it reads both.
What is not measured is never taken for 0: where it decides, the verdict ``cannot be told``.

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
FEWEST = 20  # images of a group that tells something

READS, LEANS, CHEATS = "reads the picture", "leans on the digit", "cheats"
NEITHER, UNKNOWN = "reads neither picture nor digit", "cannot be told"


@dataclass(frozen=True)
class Verdict:
    """What the figures come to.

    Attributes:
        words: ``reads the picture``, ``leans on the digit``, ``cheats``,
            ``reads neither picture nor digit`` or ``cannot be told``.
        fault: ``readout``, ``features`` or ``unknown``; empty where there is none.
        reason: why it cannot be told; empty where it can.
    """

    words: str
    fault: str
    reason: str = ""

    @property
    def subject(self) -> str:
        """Of what the words are said."""
        return "what the network reads" if self.words == UNKNOWN else "the network"

    @property
    def sentence(self) -> str:
        """The verdict with what is at fault, or why it cannot be told."""
        why = {
            "": f", because {self.reason}" if self.reason else "",
            "readout": ": its last layer is at fault, the features hold more of the picture",
            "features": ": its features are at fault, another last layer gains nothing",
            "unknown": ": whether features or last layer are at fault is not known",
        }
        return self.words + why[self.fault]


@dataclass(frozen=True)
class Greyed:
    """What is left of the predictions when a part is grey; None where that was not measured.

    Attributes:
        picture: share predicted as the digit when the picture is grey.
        digit: accuracy when the digit is grey.
    """

    picture: Estimate | None = None
    digit: Estimate | None = None


def verdict_of(
    groups: Groups,
    swaps: Swaps | str,
    decodability: Decodability | None,
    cue: Cue = DIGIT,
    greyed: Greyed = Greyed(),
    split: str = "validation",
) -> Verdict:
    """The verdict on these figures; ``swaps`` may be why there are none.

    Args:
        groups: accuracy by alignment.
        swaps: other digits pasted in.
        decodability: of the last features; None if it could not be had.
        cue: what the digits are called.
        greyed: with a part greyed.
        split: name of the images, for the reason.
    """
    constant = groups.constant
    picture = _reads(groups.conflicting, constant.conflicting)
    digit = _reads(groups.following, constant.following)
    if picture is not None and digit is not None:
        words = _by_conflict(groups, picture or digit, _leans(groups, swaps))
    else:
        digit = _reads(greyed.picture, constant.pointing)
        picture = _reads(greyed.digit, constant.accuracy)
        words = _by_parts(picture, digit, None if isinstance(swaps, str) else _swayed(swaps))
    reason = _lacking(groups, split).replace("digit", cue.noun) if words == UNKNOWN else ""
    fault = _fault(decodability) if words in (LEANS, CHEATS) else ""
    return Verdict(words.replace("digit", cue.noun), fault, reason)


def _by_conflict(groups: Groups, reads: bool, leans: bool | None) -> str:
    """From images whose picture and digit disagree."""
    assert groups.following is not None and groups.conflicting is not None
    if not reads:
        return LEANS if leans else NEITHER
    if groups.following.value > groups.conflicting.value:
        return CHEATS
    return UNKNOWN if leans is None else LEANS if leans else READS


def _by_parts(picture: bool | None, digit: bool | None, leans: bool | None) -> str:
    """From what is read of each part when the other is grey, and from swaps."""
    if digit and picture is False:
        return CHEATS
    if digit or leans:
        return LEANS
    if picture is None or digit is None or (picture and leans is None):
        return UNKNOWN
    return READS if picture else NEITHER


def _reads(estimate: Estimate | None, constant: float) -> bool | None:
    """Whether more is said than by one answer to all images; None if these tell nothing."""
    if estimate is None or estimate.images < FEWEST or constant == 1:
        return None
    return estimate.low > constant


def _leans(groups: Groups, swaps: Swaps | str) -> bool | None:
    """Whether another digit changes what it says; None if that was not measured."""
    if not isinstance(swaps, str):
        return _swayed(swaps)
    aligned, conflicting = groups.aligned, groups.conflicting
    if aligned is None or conflicting is None or min(aligned.images, conflicting.images) < FEWEST:
        return None
    return aligned.low > conflicting.high


def _swayed(swaps: Swaps) -> bool | None:
    if swaps.flips is None or swaps.control is None or swaps.boost is None:
        return None
    if swaps.images < FEWEST:
        return None
    flips = swaps.flips.value - swaps.control.value
    return swaps.boost.value >= LEANING_NATS or flips >= LEANING_FLIPS


def _lacking(groups: Groups, split: str) -> str:
    """Which images the verdict lacks, as a phrase."""
    for group, verb in ((groups.conflicting, "conflict"), (groups.aligned, "agree")):
        verbs, images = f"{verb}s", 0 if group is None else group.images
        if not images:
            return f"no {split} image {verbs}" + (" with its digit" if verb == "agree" else "")
        if images < FEWEST:
            each = f"image {verbs}" if images == 1 else f"images {verb}"
            return f"only {images} {split} {each}, and {FEWEST} are wanted"
    kind = "show" if groups.constant.conflicting == 1 else "point to"
    return f"the {split} images that conflict {kind} one class alone"


def _fault(decodability: Decodability | None) -> str:
    if decodability is None or decodability.gain is None:
        return "unknown"
    return (
        "readout" if decodability.gain.value >= GAIN and decodability.gain.low > 0 else "features"
    )

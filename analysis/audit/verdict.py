"""The audit's verdict in words, which follows from its figures by the thresholds here.

Only figures with a direction count. If another digit changes a prediction, the network is
sensitive; a network that never learned the digit can be sensitive too. A network leans on the digit
if the digit draws its predictions to the digit's own class. Two figures measure that (``pull.py``),
with every digit pasted into the same pictures, or on the unchanged images if nothing can be pasted:

* β, the amount that the digit adds to the logit of its class. At ``LEANING_NATS`` the odds of that
  class are multiplied by 1.42 (by 16 for a network that follows Bayes' rule on the biased set; a
  network trained on random digits was measured at 1.03).
* The share of predictions that the digit draws to its class, for networks with small logits. Its
  threshold is ``LEANING_ANSWERS``.

To lean, both must be above 0 with their intervals, and one must reach its threshold. An interval
that reaches more than ``NATS_MARGIN`` or ``ANSWERS_MARGIN`` beyond the threshold leaves it open,
unless the digit draws, with the interval, less than ``UNMOVED`` of the predictions.

* ``cheats``: both are above 0, and more of the images whose picture and digit disagree are
  predicted as the digit than as the label; the interval of the paired difference is above 0.
* ``leans on the digit``: as above.
* ``reads the picture``: it does not lean, and its predictions depend on the label among images of
  one digit.
* ``reads neither picture nor digit``: it does not lean, and its predictions do not depend on the
  label among images of one digit.
* ``reads the digit, but not as its own class``: as ``reads neither``, but another digit changes
  more of its predictions than another image of the same digit, with intervals that do not overlap.
* ``cannot be told``: the deciding figures were not measured, or too few images leave it open.

A network is ``sensitive`` to a digit that it does not lean on if another digit changes more than
``SENSITIVE`` of its predictions, with the interval.

If fewer than ``FEWEST`` images conflict, or only images of one class, pasting and greyed parts
decide. A network reads the digit if, with a grey picture, it predicts the digit more often than one
class for all images would match it. It reads the picture if the same holds for the label with a
grey digit. It cheats if it reads the digit in this way and not the picture. For another shortcut
than a digit, its name replaces "digit".

If a network leans or cheats, a last layer refitted on images whose digits are random shows what is
at fault. A gain (``GAIN`` or more, and an interval above 0) shows that the features hold more of
the picture than the layer uses. Without a gain the features themselves lack it.
"""

from dataclasses import dataclass

from analysis.audit.cue import DIGIT, Cue
from analysis.audit.decodability import Decodability
from analysis.audit.groups import Groups
from analysis.audit.intervals import Estimate
from analysis.audit.pull import Pull
from analysis.audit.swaps import Swaps

LEANING_NATS, NATS_MARGIN = 0.35, 0.1
LEANING_ANSWERS, ANSWERS_MARGIN = 0.2, 0.05
UNMOVED = 0.005  # share of predictions: a digit that draws fewer to its class has no effect
SENSITIVE = 0.05
BLIND = 0.05  # a network ignores the picture if the label draws less, with the interval
GAIN = 0.02
FEWEST = 20  # images of a group that counts

READS, LEANS, CHEATS = "reads the picture", "leans on the digit", "cheats"
NEITHER, UNKNOWN = "reads neither picture nor digit", "cannot be told"
OTHERWISE = "reads the digit, but not as its own class"
_ALIKE = "picture and digit of the images carry the same information"


@dataclass(frozen=True)
class Verdict:
    """The verdict of an audit.

    Attributes:
        words: ``reads the picture``, ``leans on the digit``, ``cheats``,
            ``reads neither picture nor digit``, ``reads the digit, but not as its own class`` or
            ``cannot be told``.
        fault: ``readout``, ``features`` or ``unknown``; empty if nothing is at fault.
        reason: why it cannot be told; empty if it can.
        sensitivity: how another digit disturbs a network that does not lean on it; else empty.
        evidence: the deciding figures with their intervals, in whole sentences.
    """

    words: str
    fault: str
    reason: str = ""
    sensitivity: str = ""
    evidence: str = ""

    @property
    def subject(self) -> str:
        """The grammatical subject of ``words``."""
        return "what the network reads" if self.words == UNKNOWN else "the network"

    @property
    def sentence(self) -> str:
        """The verdict, and either the part at fault or the reason why it cannot be told."""
        why = {
            "": f", because {self.reason}" if self.reason else "",
            "readout": ": its last layer is at fault, as the features hold more of the picture",
            "features": ": its features are at fault, as another last layer gains nothing",
            "unknown": ": it is unknown whether its features or its last layer is at fault",
        }
        return self.words + why[self.fault] + (f", {self.sensitivity}" if self.sensitivity else "")


@dataclass(frozen=True)
class Greyed:
    """Predictions when a part of the image is grey; None if they were not measured.

    Attributes:
        picture: share predicted as the digit when the picture is grey.
        digit: accuracy when the digit is grey.
    """

    picture: Estimate | None = None
    digit: Estimate | None = None


def verdict_of(
    groups: Groups,
    natural: Pull,
    swaps: Swaps | str,
    decodability: Decodability | None,
    cue: Cue = DIGIT,
    greyed: Greyed = Greyed(),
    split: str = "validation",
) -> Verdict:
    """The verdict on these figures.

    Args:
        groups: accuracy by alignment.
        natural: the pull on unchanged images.
        swaps: results with other digits pasted in, or a text why there are none.
        decodability: decodability of the last features; None if it was not measured.
        cue: gives the name of the digits.
        greyed: predictions with a part greyed.
        split: name of the images, for the reason.
    """
    lacking = _lacking(groups, split)
    pull = Pull(None, None) if lacking else natural
    if not isinstance(swaps, str):
        pull = swaps.pull
    words, reason = _decided(groups, pull, greyed, lacking)
    if words == NEITHER and not isinstance(swaps, str) and _tells_digits_apart(swaps):
        words = OTHERWISE
    by_part = _greyed_evidence(greyed) if lacking else _conflict_evidence(groups)
    evidence = (_pull_evidence(pull, not isinstance(swaps, str)), by_part)
    sensitivity = "" if isinstance(swaps, str) else _sensitivity(words, swaps)
    texts = (words, reason, sensitivity, " ".join(filter(None, evidence)))
    words, reason, sensitivity, sentences = (text.replace("digit", cue.noun) for text in texts)
    fault = _fault(decodability) if words == CHEATS or words.startswith("leans") else ""
    return Verdict(words, fault, reason, sensitivity, sentences)


def _decided(groups: Groups, pull: Pull, greyed: Greyed, lacking: str) -> tuple[str, str]:
    """The words of the verdict, and the reason if it cannot be told."""
    leans = _leans(pull)
    if not lacking:
        words = _by_conflict(groups, pull, leans)
        return words, _open(pull, leans) if words == UNKNOWN else ""
    constant = groups.constant
    digit = _above(greyed.picture, constant.pointing)
    words = _by_parts(_above(greyed.digit, constant.accuracy), digit, leans)
    return words, lacking if words == UNKNOWN else ""


def _by_conflict(groups: Groups, pull: Pull, leans: bool | None) -> str:
    """The words, decided by images whose picture and digit disagree."""
    if _towards(pull.boost) and _towards(pull.answers) and _towards(groups.excess):
        return CHEATS
    if leans:
        return LEANS
    picture, answers = groups.picture, pull.answers
    moved = answers is None or answers.images < FEWEST or answers.high >= UNMOVED
    if picture is None or (leans is None and moved):
        return UNKNOWN
    if picture.low > 0:
        return READS
    return NEITHER if picture.high < BLIND else UNKNOWN


def _by_parts(picture: bool | None, digit: bool | None, leans: bool | None) -> str:
    """The words, decided by what it reads of each part when the other is grey, and by the pull."""
    if digit and picture is False and leans is not False:
        return CHEATS
    if leans or (digit and leans is None):
        return LEANS
    if picture is None or digit is None or (picture and leans is None):
        return UNKNOWN
    return READS if picture else UNKNOWN if digit else NEITHER


def _tells_digits_apart(swaps: Swaps) -> bool:
    """Whether another digit changes more predictions than another image of the same digit."""
    flips, control = swaps.flips, swaps.control
    return flips is not None and control is not None and flips.low > max(control.high, SENSITIVE)


def _above(estimate: Estimate | None, constant: float) -> bool | None:
    """Whether a share is above that of one prediction for all images; None if undecidable."""
    if estimate is None or estimate.images < FEWEST or constant == 1:
        return None
    return estimate.low > constant


def _towards(estimate: Estimate | None) -> bool:
    return estimate is not None and estimate.images >= FEWEST and estimate.low > 0


def _leans(pull: Pull) -> bool | None:
    """Whether the digit draws predictions to its class; None if not measured or open."""
    boost, answers = pull.boost, pull.answers
    if boost is None or answers is None or boost.images < FEWEST:
        return None
    reaches = (
        _reaches(boost, LEANING_NATS, NATS_MARGIN),
        _reaches(answers, LEANING_ANSWERS, ANSWERS_MARGIN),
    )
    if True in reaches and boost.low > 0 and answers.low > 0:
        return True
    return False if reaches == (False, False) else None


def _reaches(estimate: Estimate, threshold: float, margin: float) -> bool | None:
    """Whether ``estimate`` is at ``threshold`` or above; None if its interval leaves that open."""
    if estimate.value >= threshold:
        return True if estimate.low > threshold - margin else None
    return False if estimate.high < threshold + margin else None


def _lacking(groups: Groups, split: str) -> str:
    """The images that the verdict lacks, as a phrase; empty if it lacks none."""
    images = 0 if groups.conflicting is None else groups.conflicting.images
    if not images:
        return f"no {split} image conflicts"
    if images < FEWEST:
        each = "image conflicts" if images == 1 else "images conflict"
        return f"only {images} {split} {each}, and {FEWEST} are needed"
    one = {groups.constant.conflicting: "show", groups.constant.following: "point to"}
    if 1 in one:
        return f"the conflicting {split} images {one[1]} only one class"
    return _ALIKE if groups.picture is None else ""


def _open(pull: Pull, leans: bool | None) -> str:
    """The reason why the verdict is open, as a phrase."""
    if leans is not None:
        return "its accuracy leaves open whether it reads the picture at all"
    if pull.boost is None or pull.answers is None:
        return _ALIKE
    if pull.boost.images < FEWEST:
        return f"only {pull.boost.images} images show a digit of a class, and {FEWEST} are needed"
    return (
        "there are too few images to decide whether the digit draws predictions to its class: β is "
        f"{_nats(pull.boost)}, and {_percent(pull.answers)} of the predictions are drawn"
    )


def _pull_evidence(pull: Pull, pasted: bool) -> str:
    if pull.boost is None or pull.answers is None:
        return ""
    how = "A pasted digit" if pasted else "Among images of one class, the digit"
    return (
        f"{how} adds {_nats(pull.boost)} to the logit of its own class (β) and draws "
        f"{_percent(pull.answers)} of the predictions to that class."
    )


def _conflict_evidence(groups: Groups) -> str:
    if groups.conflicting is None or groups.following is None:
        return ""
    return (
        f"Of the conflicting images, {_percent(groups.conflicting)} are predicted correctly and "
        f"{_percent(groups.following)} are predicted as their digit."
    )


def _greyed_evidence(greyed: Greyed) -> str:
    if greyed.picture is None or greyed.digit is None:
        return ""
    return (
        f"With a grey picture, {_percent(greyed.picture)} of the images are predicted as their "
        f"digit. With a grey digit, {_percent(greyed.digit)} are predicted correctly."
    )


def _sensitivity(words: str, swaps: Swaps) -> str:
    if (
        words not in (READS, NEITHER, OTHERWISE)
        or swaps.flips is None
        or swaps.flips.low <= SENSITIVE
    ):
        return ""
    changed = f"pasting another one changes {100 * swaps.flips.value:.1f}% of its predictions"
    answers = swaps.pull.answers
    if answers is not None and answers.low > 0:
        drawn = f"though few of them towards its own class ({100 * answers.value:.1f}%)"
    else:
        drawn = "though not towards its own class"
    if words == OTHERWISE:
        return f"{changed}, {drawn}"
    joint = "and" if words == READS else "yet"
    return f"{joint} is sensitive to the digit: {changed}, {drawn}"


def _nats(estimate: Estimate) -> str:
    return f"{estimate.value:z.2f} nats ({estimate.low:z.2f} to {estimate.high:z.2f})"


def _percent(estimate: Estimate) -> str:
    value, low, high = (100 * each for each in (estimate.value, estimate.low, estimate.high))
    return f"{value:z.1f}% ({low:z.1f} to {high:z.1f})"


def _fault(decodability: Decodability | None) -> str:
    if decodability is None or decodability.gain is None:
        return "unknown"
    return (
        "readout" if decodability.gain.value >= GAIN and decodability.gain.low > 0 else "features"
    )

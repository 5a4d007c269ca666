"""The whole audit of one network on one split."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from analysis.audit.attribution import Mass, digit_mass
from analysis.audit.cue import DIGIT, NO_REGION, Cue
from analysis.audit.decodability import Decodability, decodability
from analysis.audit.groups import Groups, groups_of
from analysis.audit.intervals import Estimate, share
from analysis.audit.paste import digit_greyed, picture_greyed
from analysis.audit.pull import Pull, natural_pull
from analysis.audit.swaps import Swaps, swaps
from analysis.audit.verdict import Greyed, Verdict, verdict_of
from trainables.data.batches import DeviceSplit, Normaliser
from trainables.data.dataset import NO_CLASS, Integers, Split
from trainables.evaluation import Evaluation, evaluate

# The most images, evenly chosen, of each part of the audit: with each of the digits pasted in; with
# a part greyed; for the last layer's input; for integrated gradients.
PASTED, GREYED, READ, ATTRIBUTED = 1000, 2500, 5000, 100


@dataclass(frozen=True)
class Audit:
    """How a network uses picture and digit.

    Attributes:
        groups: accuracy by class and alignment, and digit following.
        natural: the digit's pull towards its own class on the unchanged images.
        swaps: results with other digits pasted in, including the pull; or why there are none.
        picture_greyed: share predicted as the digit when the picture is grey.
        digit_greyed: accuracy when the digit is grey.
        decodability: decodability of label and digit from the last features; or why there is none.
        mass: share of the attribution in the digit's square; or why there is none.
        verdict: the verdict in words.
        cue: the digit, or another shortcut in its place.
        area: share of an image that shows it; 0 if unknown.
    """

    groups: Groups
    natural: Pull
    swaps: Swaps | str
    picture_greyed: Estimate | None
    digit_greyed: Estimate | None
    decodability: Decodability | str
    mass: Mass | str
    verdict: Verdict
    cue: Cue
    area: float


def audit(
    model: nn.Module,
    split: Split,
    normalise: Normaliser,
    device: torch.device | None = None,
    pasted: int = PASTED,
    evaluation: Evaluation | None = None,
    exact: Evaluation | None = None,
    cue: Cue = DIGIT,
    split_name: str = "validation",
) -> Audit:
    """Audit ``model``.

    Args:
        model: the network, in eval mode, on ``device``, with one logit per digit.
        split: images with labels and digits, some of which point to a class.
        normalise: turns pixels into the model's input.
        device: the device to compute on; the CPU if None.
        pasted: the most images into which each of the digits is pasted.
        evaluation: the model's logits on the split, if known already.
        exact: these logits in float32, to compare logits; None if ``evaluation`` is in float32.
        cue: the kind and the place of the digits.
        split_name: name of the images in the verdict.

    Raises:
        ValueError: the split has no digits, or there are not as many classes as kinds of them.
    """
    device = device or torch.device("cpu")
    if evaluation is None:
        evaluation = evaluate(model, DeviceSplit.of(split, device), normalise).on_cpu()
    exact = exact or evaluation
    if split.digits is None or exact.logits.shape[1] != cue.kinds:
        raise ValueError(f"the audit needs images with digits and {cue.kinds} classes")
    groups = groups_of(evaluation.predictions.numpy(), split.labels, split.digits, cue.kinds)
    predictions, pointing = exact.predictions.numpy(), np.flatnonzero(split.digits != NO_CLASS)
    scores = exact.logits.double().log_softmax(dim=1).numpy()[pointing]
    natural = natural_pull(scores, split.labels[pointing], split.digits[pointing])
    if len(pointing) < len(split):
        split, predictions = split.take(pointing), predictions[pointing]
    whole = DeviceSplit.of(split, device)
    swapped = _swaps(model, whole, normalise, predictions, pasted, cue)
    decoded = decodability(model, whole.evenly(READ), normalise, cue)
    greyed = _greyed(model, whole.evenly(GREYED), normalise, cue)
    readout = None if isinstance(decoded, str) else decoded
    return Audit(
        groups=groups,
        natural=natural,
        swaps=swapped,
        picture_greyed=greyed.picture,
        digit_greyed=greyed.digit,
        decodability=decoded,
        mass=digit_mass(model, whole.evenly(ATTRIBUTED), normalise, cue),
        verdict=verdict_of(groups, natural, swapped, readout, cue, greyed, split_name),
        cue=cue,
        area=cue.area(split.images.shape[1:]),
    )


def _swaps(
    model: nn.Module,
    split: DeviceSplit,
    normalise: Normaliser,
    predictions: Integers,
    limit: int,
    cue: Cue,
) -> Swaps | str:
    """The swaps, or the reason why there are none, as a phrase."""
    if cue.region is None:
        return NO_REGION
    assert split.digits is not None
    absent = set(range(cue.kinds)) - set(split.digits.tolist())
    if absent:
        return f"no image's {cue.noun} points to {len(absent)} of the {cue.kinds} classes"
    return swaps(model, split, normalise, predictions, limit, cue)


def _greyed(model: nn.Module, split: DeviceSplit, normalise: Normaliser, cue: Cue) -> Greyed:
    """The share predicted as the digit with a grey picture, and the accuracy with a grey digit."""
    if cue.region is None:
        return Greyed()
    images = split.images
    return Greyed(
        _hits(model, split, picture_greyed(images, cue), split.digits, normalise),
        _hits(model, split, digit_greyed(images, cue), split.labels, normalise),
    )


def _hits(
    model: nn.Module,
    split: DeviceSplit,
    images: Tensor,
    wanted: Tensor | None,
    normalise: Normaliser,
) -> Estimate | None:
    """The share of ``images`` that are predicted as ``wanted``, (N,)."""
    assert wanted is not None
    changed = DeviceSplit(images, split.labels, split.digits)
    predictions = evaluate(model, changed, normalise).predictions
    return share((predictions == wanted).cpu().numpy())

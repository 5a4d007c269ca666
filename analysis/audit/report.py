"""The whole audit of one network on one split."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from analysis.audit.attribution import Mass, digit_mass
from analysis.audit.decodability import Decodability, decodability
from analysis.audit.groups import Groups, groups_of
from analysis.audit.intervals import Estimate, share
from analysis.audit.paste import digit_greyed, picture_greyed
from analysis.audit.swaps import KINDS, Swaps, swaps
from analysis.audit.verdict import Verdict, verdict_of
from trainables.data.batches import DeviceSplit, Normaliser
from trainables.data.dataset import Split
from trainables.evaluation import Evaluation, evaluate


@dataclass(frozen=True)
class Most:
    """The most images, evenly chosen, that each part of the audit looks at.

    Attributes:
        pasted: with each of the ten digits pasted in.
        greyed: with a part greyed.
        read: for what the last layer reads.
        attributed: for integrated gradients.
    """

    pasted: int = 1000
    greyed: int = 2500
    read: int = 5000
    attributed: int = 100


@dataclass(frozen=True)
class Audit:
    """What a network makes of picture and digit.

    Attributes:
        groups: accuracy by class and alignment, digit following.
        swaps: with other digits pasted in, and beta.
        picture_greyed: share predicted as the digit when the picture is grey.
        digit_greyed: accuracy when the digit is grey.
        decodability: of label and digit from the last features, or why not.
        mass: of attribution in the digit's square, or why not.
        verdict: in words.
    """

    groups: Groups
    swaps: Swaps
    picture_greyed: Estimate | None
    digit_greyed: Estimate | None
    decodability: Decodability | str
    mass: Mass | str
    verdict: Verdict


def audit(
    model: nn.Module,
    split: Split,
    normalise: Normaliser,
    device: torch.device | None = None,
    most: Most | None = None,
    evaluation: Evaluation | None = None,
) -> Audit:
    """Audit ``model``, from normalised images to logits of ten classes, in eval mode.

    Args:
        model: on ``device``.
        split: composite images with labels and digits.
        normalise: from pixels to the model's input.
        device: where to compute; the CPU if None.
        most: images of each part.
        evaluation: of the model on the split, where it is known already.

    Raises:
        ValueError: the split has no digits or lacks a kind of them, or there are not ten classes.
    """
    most = most or Most()
    whole = DeviceSplit.of(split, device or torch.device("cpu"))
    evaluation = evaluation or evaluate(model, whole, normalise)
    if split.digits is None or evaluation.logits.shape[1] != KINDS:
        raise ValueError("the audit wants images with digits and ten classes")
    predictions = evaluation.predictions.numpy()
    groups = groups_of(predictions, split.labels, split.digits, KINDS)
    pasted = swaps(model, whole, normalise, predictions, most.pasted)
    fewer = whole.evenly(most.greyed)
    found = decodability(model, whole.evenly(most.read), normalise)
    return Audit(
        groups=groups,
        swaps=pasted,
        picture_greyed=_hits(model, fewer, picture_greyed(fewer.images), fewer.digits, normalise),
        digit_greyed=_hits(model, fewer, digit_greyed(fewer.images), fewer.labels, normalise),
        decodability=found,
        mass=digit_mass(model, whole.evenly(most.attributed), normalise),
        verdict=verdict_of(groups, pasted, None if isinstance(found, str) else found),
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
    return share((evaluate(model, changed, normalise).predictions == wanted.cpu()).numpy())

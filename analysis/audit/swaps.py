"""How predictions change when another digit is pasted next to the same picture."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from analysis.audit.boost import matrix
from analysis.audit.cue import DIGIT, Cue
from analysis.audit.intervals import Estimate, Floats, difference, share
from analysis.audit.paste import other_than, sources, with_digits
from analysis.audit.pull import Pull, pasted_pull
from trainables.data.batches import DeviceSplit, Normaliser
from trainables.data.dataset import Integers
from trainables.evaluation import evaluate


@dataclass(frozen=True)
class Swaps:
    """Results with every digit pasted next to the same pictures.

    Attributes:
        flips: share of predictions that change with an image of another digit.
        control: share of predictions that change with another image of the same digit.
        any_flips: share of predictions that at least one of the digits changes.
        paired: accuracy with the label's digit pasted in minus accuracy with another digit, on the
            same pictures.
        pull: the pull of the digits towards their own classes.
        matrix: the double-centred matrix B, (classes, digits), in nats.
        images: the number of pictures.
    """

    flips: Estimate | None
    control: Estimate | None
    any_flips: Estimate | None
    paired: Estimate | None
    pull: Pull
    matrix: Floats
    images: int


def swaps(
    model: nn.Module,
    split: DeviceSplit,
    normalise: Normaliser,
    predictions: Integers,
    limit: int,
    cue: Cue = DIGIT,
) -> Swaps:
    """Paste each kind of digit into at most ``limit`` evenly chosen images of ``split``.

    Args:
        model: takes normalised images and has as many logits as there are digits.
        split: images with labels and digits; the pasted digits are cut from them too.
        normalise: turns pixels into the model's input.
        predictions: (N,), the model's predictions on the unchanged split.
        limit: the most images; each kind of digit takes a forward pass over them.
        cue: the place of the digits.

    Raises:
        ValueError: no image of the split shows one of the digits.
    """
    assert split.digits is not None
    places = np.arange(len(split))[:: -(-len(split) // limit)]
    patches = sources(split.digits.cpu().numpy(), places, cue.kinds)
    scores = pasted_scores(model, split, normalise, places, patches, cue)
    labels, digits = (t.cpu().numpy()[places] for t in (split.labels, split.digits))
    return swaps_of(scores, predictions[places], labels, digits, patches)


def swaps_of(
    scores: Floats, before: Integers, labels: Integers, digits: Integers, patches: Integers
) -> Swaps:
    """The swaps, from log-probabilities (N, digits, classes) with the digits of ``patches``.

    ``patches`` is (N, digits); the predictions before, labels and digits are (N,).
    """
    after, rows, kinds = scores.argmax(axis=-1), np.arange(len(before)), scores.shape[1]
    changed = after != before[:, None]
    right = after == labels[:, None]
    return Swaps(
        flips=share(changed[rows, other_than(digits, kinds)]),
        control=share(changed[rows, digits]),
        any_flips=share(changed.any(axis=1)),
        paired=difference(right[rows, labels], right[rows, other_than(labels, kinds)]),
        pull=pasted_pull(scores, patches),
        matrix=matrix(scores),
        images=len(before),
    )


def pasted_scores(
    model: nn.Module,
    split: DeviceSplit,
    normalise: Normaliser,
    places: Integers,
    patches: Integers,
    cue: Cue = DIGIT,
) -> Floats:
    """Log-probabilities (N, digits, classes), float64, with ``patches`` pasted into ``places``."""
    device = split.images.device
    pictures = split.at(torch.from_numpy(places).to(device))
    scores = []
    for kind in range(cue.kinds):
        digits = split.images[torch.from_numpy(patches[:, kind]).to(device)]
        pasted = replace(pictures, images=with_digits(pictures.images, digits, cue), digits=None)
        logits = evaluate(model, pasted, normalise).logits.cpu()
        scores.append(logits.double().log_softmax(dim=1))
    return torch.stack(scores, dim=1).numpy()

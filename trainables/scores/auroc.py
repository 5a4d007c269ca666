"""The area under the ROC curve of each class against the rest, averaged over the classes.

For a class, it is the share of pairs of an image of the class and another image in which the first
has the larger probability of the class. A pair of equal probabilities counts one half.
"""

import torch
from torch import Tensor

from trainables.counts import balanced, counts
from trainables.data.dataset import Integers

MEANING = "area under the ROC curve of each class against the rest, averaged over the classes"


def score(logits: Tensor, labels: Tensor, digits: Tensor | None) -> Tensor:
    """The score, as scikit-learn's ``roc_auc_score`` with ``multi_class="ovr"``.

    Classes without images, which scikit-learn refuses, are left out. For two classes it is the area
    of the second, as in scikit-learn: the areas differ if probabilities are rounded to 1.
    """
    images = counts(labels, logits.shape[1])
    wins = _doubled_ranks(logits, labels) / 2 - images * (images + 1) / 2
    areas = wins / (images * (len(labels) - images))
    return areas[1] if len(areas) == 2 else areas.nanmean()


def _doubled_ranks(logits: Tensor, labels: Tensor) -> Tensor:
    """Twice the sum of the ranks of each class's images by the class's probability, (classes,).

    Ranks are among all images, from 1 on; equal probabilities share their mean rank.
    """
    values, order = logits.double().softmax(dim=1).T.sort(dim=1)
    classes, images = values.shape
    differs = values[:, 1:] != values[:, :-1]
    edge = differs.new_ones(classes, 1)
    places = torch.arange(images, device=values.device)
    first = torch.where(torch.cat([edge, differs], dim=1), places, 0).cummax(dim=1).values
    ends = torch.where(torch.cat([differs, edge], dim=1), places, images)
    last = ends.flip(1).cummin(dim=1).values.flip(1)
    own = labels[order] == torch.arange(classes, device=values.device)[:, None]
    return ((first + last + 2) * own).sum(dim=1).double()


def images(labels: Integers, digits: Integers | None) -> float:
    """Roughly the number for the balanced accuracy.

    Raises:
        ValueError: all images are of one class.
    """
    if len(set(labels.tolist())) < 2:
        raise ValueError(
            "all validation images are of one class, but it compares each class with the rest"
        )
    return balanced(labels)

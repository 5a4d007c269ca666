"""MixUp (Zhang et al. 2018; source 004_c1e7d168db35b252.txt, section 1.20)."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Targets:
    """What a batch of images should be taken for: one label, or two with shares.

    Attributes:
        labels: (N,), int64.
        others: (N,), the label of each image's partner; ``labels`` themselves where none is mixed.
        share: of ``labels``, in [0, 1]; the rest is of ``others``.
    """

    labels: Tensor
    others: Tensor
    share: float

    def cross_entropy(self, logits: Tensor, smoothing: float = 0.0) -> Tensor:
        """Mean over the batch, in nats, of both labels' losses weighted by their shares.

        Args:
            logits: (N, classes).
            smoothing: share of each label that is spread over all classes, in [0, 1).
        """
        loss = F.cross_entropy(logits, self.labels, label_smoothing=smoothing)
        if self.share == 1.0:
            return loss
        other = F.cross_entropy(logits, self.others, label_smoothing=smoothing)
        return self.share * loss + (1 - self.share) * other

    def hits(self, logits: Tensor) -> Tensor:
        """How many predictions of ``logits``, (N, classes), are right, in [0, N].

        Each label counts by its share, as the source does it.
        """
        predicted = logits.argmax(dim=1)
        hits = (predicted == self.labels).sum()
        if self.share == 1.0:
            return hits
        return self.share * hits + (1 - self.share) * (predicted == self.others).sum()


def mix(
    images: Tensor,
    labels: Tensor,
    alpha: float,
    shares: np.random.Generator,
    draws: torch.Generator,
) -> tuple[Tensor, Targets]:
    """Every image blended with a partner of its batch; one share, of Beta(alpha, alpha), a batch.

    Args:
        images: (N, C, H, W), floats.
        labels: (N,).
        alpha: 0 leaves the images as they are.
        shares: draws the share.
        draws: draws the partners.
    """
    if not alpha:
        return images, Targets(labels, labels, 1.0)
    share = float(shares.beta(alpha, alpha))
    partner = torch.randperm(len(labels), generator=draws, device=draws.device)
    mixed = share * images + (1 - share) * images[partner]
    return mixed, Targets(labels, labels[partner], share)

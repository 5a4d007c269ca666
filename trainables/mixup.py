"""MixUp (Zhang et al. 2018; source 004_c1e7d168db35b252.txt, section 1.20)."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from trainables.data.partners import partners
from trainables.upload import upload


@dataclass(frozen=True)
class Mixture:
    """How images were mixed.

    Attributes:
        others: (N,), the label of each image's partner.
        shares: (B, 2), of each of the B batches the share of the image's own label and that of its
            partner's, in [0, 1].
    """

    others: Tensor
    shares: Tensor


@dataclass(frozen=True)
class Targets:
    """What images should be taken for: one label each, or two with shares.

    Attributes:
        labels: (N,), int64.
        mixture: the other labels; None where no image is mixed.
    """

    labels: Tensor
    mixture: Mixture | None = None

    def cross_entropy(
        self, logits: Tensor, smoothing: float = 0.0, class_weights: Tensor | None = None
    ) -> Tensor:
        """Mean over the one batch, in nats, of both labels' losses weighted by their shares.

        Args:
            logits: (N, classes).
            smoothing: share of each label that is spread over all classes, in [0, 1).
            class_weights: (classes,), by which the mean is weighted; None for a plain one.
        """

        def loss_of(labels: Tensor) -> Tensor:
            return F.cross_entropy(logits, labels, class_weights, label_smoothing=smoothing)

        loss = loss_of(self.labels)
        if self.mixture is None:
            return loss
        share, rest = self.mixture.shares[0]
        blended: Tensor = share * loss + rest * loss_of(self.mixture.others)
        return blended

    def hits(self, logits: Tensor) -> Tensor:
        """How many predictions of ``logits``, (N, classes), are right, in [0, N].

        Each label counts by its share, as the source does it.
        """
        predicted = logits.argmax(dim=1)
        hits = (predicted == self.labels).sum()
        if self.mixture is None:
            return hits
        share, rest = self.mixture.shares[0]
        blended: Tensor = share * hits + rest * (predicted == self.mixture.others).sum()
        return blended


def mix(
    images: Tensor,
    labels: Tensor,
    alpha: float,
    batch_size: int,
    shares: np.random.Generator,
    draws: torch.Generator,
) -> tuple[Tensor, Targets]:
    """Every image blended with a partner of its batch; one share, of Beta(alpha, alpha), a batch.

    Args:
        images: (N, C, H, W), floats.
        labels: (N,).
        alpha: 0 leaves the images as they are.
        batch_size: of the batches that the images are, one after the other.
        shares: draws the share.
        draws: draws the partners.
    """
    if not alpha:
        return images, Targets(labels)
    count = len(labels)
    size = min(batch_size, count)
    own = [float(shares.beta(alpha, alpha)) for _ in range(count // size)]
    pairs = upload([(share, 1 - share) for share in own], torch.float32, images.device)
    partner = partners(count, size, draws)
    of_images = pairs[:, None].expand(-1, size, 2).reshape(count, 2, 1, 1, 1)
    mixed = of_images[:, 0] * images + of_images[:, 1] * images[partner]
    return mixed, Targets(labels, Mixture(labels[partner], pairs))

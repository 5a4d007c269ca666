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
        shares: (B, 2), for each of the B batches the share of an image's own label and the share
            of its partner's label, in [0, 1].
    """

    others: Tensor
    shares: Tensor


@dataclass(frozen=True)
class Targets:
    """The targets of images: one label each, or two labels with shares.

    Attributes:
        labels: (N,), int64.
        mixture: the other labels; None if no image is mixed.
    """

    labels: Tensor
    mixture: Mixture | None = None

    def cross_entropy(
        self, logits: Tensor, smoothing: float = 0.0, class_weights: Tensor | None = None
    ) -> Tensor:
        """Mean loss over a single batch, in nats; mixed labels count by their shares.

        Args:
            logits: (N, classes).
            smoothing: share of each label that is spread over all classes, in [0, 1).
            class_weights: (classes,), weights of the mean; None for a plain mean.
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
        """The number of right predictions of ``logits``, (N, classes), in [0, N].

        A mixed label counts by its share, as in the source.
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
    """Blend every image with a partner of its batch; a batch has one share from Beta(alpha, alpha).

    Args:
        images: (N, C, H, W), floats, batch after batch.
        labels: (N,).
        alpha: 0 leaves the images unchanged.
        batch_size: number of images of a batch.
        shares: draws the shares.
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

"""What a network makes of a split: loss, accuracy and, beside digits, how far it follows them."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.data.batches import DeviceSplit, Normaliser
from trainables.data.dataset import NO_CLASS
from trainables.metrics import Metric

# Bounds the memory, and is part of what makes a figure repeatable to the last bit. On a CPU the
# activations of 100 images stay in its cache: gap5 is validated twice as fast as with 500.
BATCH, BATCH_ON_CPU = 500, 100
METRICS = (
    Metric("val_loss", "cross-entropy on the validation split, after the epoch, in nats"),
    Metric("val_accuracy", "on the validation split, after the epoch"),
    Metric("val_accuracy_aligned", "of the images whose shortcut agrees with the label"),
    Metric("val_accuracy_conflicting", "of the images whose shortcut is another class"),
    Metric("digit_following", "share of those that are predicted as what their shortcut says"),
)
_SHARES = [metric.name for metric in METRICS[1:]]


@dataclass(frozen=True)
class Evaluation:
    """A network's logits on a split, where they were computed.

    Attributes:
        logits: (N, classes), float32.
        labels: (N,), int64.
        digits: (N,), int64, or None.
    """

    logits: Tensor
    labels: Tensor
    digits: Tensor | None

    @property
    def predictions(self) -> Tensor:
        """The likeliest class of each image, (N,)."""
        return self.logits.argmax(dim=1)

    def metrics(self) -> dict[str, float]:
        """The figures of ``METRICS``; those of the shortcut with digits alone.

        A figure over no images is left out.
        """
        return metrics_of(self.sums())

    def sums(self) -> Tensor:
        """What ``metrics_of`` makes the figures of, float64, without a wait for the device.

        The loss, then for each accuracy the hits and the images.
        """
        loss = F.cross_entropy(self.logits.double(), self.labels)
        hits = self.predictions == self.labels
        pairs = [(hits, torch.ones_like(hits))]
        if self.digits is not None:
            aligned = (self.digits != NO_CLASS) & (self.digits == self.labels)
            conflicting = (self.digits != NO_CLASS) & ~aligned
            follows = self.predictions == self.digits
            pairs += [(hits, aligned), (hits, conflicting), (follows, conflicting)]
        counts = [part.sum() for hit, group in pairs for part in (hit & group, group)]
        return torch.stack([loss, *counts])


def metrics_of(sums: Tensor) -> dict[str, float]:
    """The figures of ``METRICS`` that ``Evaluation.sums`` holds; one over no images is left out."""
    loss, *counts = sums.tolist()
    shares = zip(_SHARES, counts[::2], counts[1::2], strict=False)
    return {"val_loss": loss, **{name: hits / count for name, hits, count in shares if count}}


def evaluate(model: nn.Module, split: DeviceSplit, normalise: Normaliser) -> Evaluation:
    """``model`` on every image of ``split``, in eval mode and float32; its mode is restored.

    Always float32, whatever the training's format: two logits that tie in bfloat16 would make the
    accuracy depend on the machine.
    """
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            size = BATCH_ON_CPU if split.images.device.type == "cpu" else BATCH
            parts = [model(normalise(batch.images)).float() for batch in split.in_order(size)]
            return Evaluation(torch.cat(parts), split.labels, split.digits)
    finally:
        model.train(training)

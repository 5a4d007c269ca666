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


@dataclass(frozen=True)
class Evaluation:
    """A network's logits on a split.

    Attributes:
        logits: (N, classes), float32, on the CPU.
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
        right = self.predictions == self.labels
        figures = {
            "val_loss": F.cross_entropy(self.logits.double(), self.labels).item(),
            "val_accuracy": _share(right),
        }
        if self.digits is not None:
            known = self.digits != NO_CLASS
            aligned = known & (self.digits == self.labels)
            conflicting = known & ~aligned
            groups = {
                "val_accuracy_aligned": right[aligned],
                "val_accuracy_conflicting": right[conflicting],
                "digit_following": (self.predictions == self.digits)[conflicting],
            }
            figures |= {name: _share(group) for name, group in groups.items() if len(group)}
        return figures


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
            logits = torch.cat(parts).cpu()  # the one moment when the host waits for the device
    finally:
        model.train(training)
    digits = None if split.digits is None else split.digits.cpu()
    return Evaluation(logits, split.labels.cpu(), digits)


def _share(hits: Tensor) -> float:
    return int(hits.sum()) / len(hits)

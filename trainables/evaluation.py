"""Evaluate a network on a split: loss, accuracy and, if images have digits, digit following."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trainables import scores
from trainables.best_epoch import ACCURACY, figure_of
from trainables.data.batches import DeviceSplit, Normaliser
from trainables.data.dataset import NO_CLASS
from trainables.metrics import Metric

# A fixed batch bounds the memory and makes a figure repeatable to the last bit. On a CPU the
# activations of 100 images fit into its cache: gap5 is validated twice as fast as with 500.
BATCH, BATCH_ON_CPU = 500, 100
METRICS = (
    Metric("val_loss", "cross-entropy on the validation split, after the epoch, in nats"),
    Metric("val_accuracy", "accuracy on the validation split, after the epoch"),
    Metric("val_accuracy_aligned", "accuracy where the shortcut agrees with the label"),
    Metric("val_accuracy_conflicting", "accuracy where the shortcut points to another class"),
    Metric(
        "digit_following",
        "share of the images whose shortcut points to another class that are predicted as that "
        "class",
    ),
)
_SHARES = tuple(metric.name for metric in METRICS[1:])


@dataclass(frozen=True)
class Evaluation:
    """A network's logits on a split, on the device that computed them.

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

    def on_cpu(self) -> "Evaluation":
        """A copy on the CPU."""
        digits = None if self.digits is None else self.digits.cpu()
        return Evaluation(self.logits.cpu(), self.labels.cpu(), digits)

    def metrics(self, metric: str = ACCURACY) -> dict[str, float]:
        """The figures of ``METRICS`` and of ``metric``.

        Figures of the shortcut need digits, and a figure over no images is left out.
        """
        return metrics_of(self.sums(metric), metric)

    def sums(self, metric: str = ACCURACY) -> Tensor:
        """The sums that ``metrics_of`` reads, float64, (M,), without waiting for an NVIDIA GPU.

        They are the loss, the hits and the images of each accuracy, and the value of ``metric`` if
        that is not the accuracy.
        """
        if self.logits.device.type == "mps":  # has no float64
            return self.on_cpu().sums(metric)
        right = self.predictions == self.labels
        groups = [(right, torch.ones_like(right))]
        if self.digits is not None:
            known, agree = self.digits != NO_CLASS, self.digits == self.labels
            aligned, conflicting = known & agree, known & ~agree
            following = self.predictions == self.digits
            groups += [(right, aligned), (right, conflicting), (following, conflicting)]
        counts = [count for hits, group in groups for count in ((hits & group).sum(), group.sum())]
        loss = F.cross_entropy(self.logits.double(), self.labels)
        others = []
        if metric != ACCURACY:
            others = [scores.score(metric, self.logits, self.labels, self.digits)]
        return torch.stack([loss, *(count.double() for count in counts), *others])


def metrics_of(sums: Tensor, metric: str = ACCURACY) -> dict[str, float]:
    """The figures in ``Evaluation.sums``; a figure over no images is left out."""
    loss, *counts = sums.tolist()
    judged = {} if metric == ACCURACY else {figure_of(metric): counts.pop()}
    shares = zip(_SHARES, counts[::2], counts[1::2], strict=False)
    measured = {name: hits / images for name, hits, images in shares if images}
    return {METRICS[0].name: loss} | measured | judged


def evaluate(
    model: nn.Module,
    split: DeviceSplit,
    normalise: Normaliser,
    dtype: torch.dtype = torch.float32,
) -> Evaluation:
    """Run ``model`` on every image of ``split`` in eval mode, then restore its mode.

    Args:
        model: the network, on the split's device.
        split: the images.
        normalise: turns their pixels into the model's input.
        dtype: number format, as in ``logits_of``.
    """
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            size = BATCH_ON_CPU if split.images.device.type == "cpu" else BATCH
            parts = [logits_of(model, b.images, normalise, dtype) for b in split.in_order(size)]
            logits = torch.cat(parts)
    finally:
        model.train(training)
    return Evaluation(logits, split.labels, split.digits)


def logits_of(
    model: nn.Module, images: Tensor, normalise: Normaliser, dtype: torch.dtype
) -> Tensor:
    """A model's logits on a batch, (N, classes), float32; nothing here waits for the device.

    In bfloat16, layers compute under ``torch.autocast``. Only the last linear layer, the head, is
    in float32, as logits would often tie in bfloat16. A model without one, such as nin, has its
    logits in bfloat16.

    Args:
        model: the network, in eval mode.
        images: (N, H, W, 3), uint8.
        normalise: turns pixels into the model's input.
        dtype: float32 or bfloat16.
    """
    inputs = normalise(images)
    if dtype == torch.float32:
        logits: Tensor = model(inputs)
    else:
        with torch.autocast(images.device.type, dtype), _HeadInFloat32(model):
            logits = model(inputs)
    return logits.float()


class _HeadInFloat32(TorchFunctionMode):
    """A context in which linear layers of the head's shape compute in float32, in this thread.

    The model does not change and gets no hook. Layers are identified by the shape of their weights,
    as some weights, such as those of weight normalisation, are computed for each use.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
        self._shape = linear[-1].weight.shape if linear else None

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function is F.linear and len(args) > 1 and self._is_head(args[1]):
            inputs, *others = args
            with torch.autocast(inputs.device.type, enabled=False):
                return F.linear(inputs.float(), *others)
        return function(*args, **(kwargs or {}))

    def _is_head(self, weight: Tensor) -> bool:
        return weight.shape == self._shape and weight.dtype == torch.float32

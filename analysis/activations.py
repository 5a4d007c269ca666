"""How the filters of some layers respond to a whole split, measured in one pass.

Only sums for each class and the best few images of each filter are stored, so memory does not grow
with the split.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.layers import Layer, captured
from trainables.data.batches import DeviceSplit, Normaliser

BATCH = 250
TOP = 5
PLACES = ("raw", "activated")  # the convolution's own output; and after BN and ReLU
STATISTICS = ("mean", "max")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Top:
    """The images that excite each filter most, best first; ties are in the order of the split.

    Attributes:
        images: (filters, at most 5), indices into the split.
        values: the statistic of the activation map that ranks them, in the same shape.
    """

    images: NDArray[np.int64]
    values: Floats


@dataclass(frozen=True)
class FilterStatistics:
    """How the filters of one layer respond to a split.

    Attributes:
        layer: the layer.
        area: number of pixels of one map.
        counts: (classes,), number of images of each class.
        norms: (filters, classes) for each of ``PLACES``: mean L2 norm of the filter's map over the
            class's images; NaN for a class without images.
        spreads: (filters, classes) for each of ``PLACES``: standard deviation of those norms within
            the class.
        top: the best images by statistic of the activated map, mean or max.
    """

    layer: Layer
    area: int
    counts: NDArray[np.int64]
    norms: dict[str, Floats]
    spreads: dict[str, Floats]
    top: dict[str, Top]


Activations = dict[str, FilterStatistics]


def observe(
    model: nn.Module,
    layers: tuple[Layer, ...],
    split: DeviceSplit,
    normalise: Normaliser,
    classes: int,
) -> Activations:
    """Statistics of ``layers``, by name, over every image of ``split``.

    Args:
        model: the network, in eval mode.
        layers: layers of that model.
        split: images with labels in [0, classes).
        normalise: turns pixels into the model's input.
        classes: number of classes.
    """
    gatherings = [_Gathering(layer, classes) for layer in layers]
    modules = [m for layer in layers for m in (layer.convolution, layer.normalised)]
    start = 0
    with torch.inference_mode(), captured(*modules) as outputs:
        for batch in split.in_order(BATCH):
            model(normalise(batch.images))
            for gathering in gatherings:
                gathering.add(outputs, batch.labels, start)
            start += len(batch.labels)
    return {gathering.layer.name: gathering.finish() for gathering in gatherings}


class _Gathering:
    """The running sums of one layer."""

    def __init__(self, layer: Layer, classes: int) -> None:
        self.layer, filters = layer, layer.convolution.out_channels
        self._area = 0
        self._counts = torch.zeros(classes, dtype=torch.float64)
        self._sums = {place: torch.zeros(2, filters, classes).double() for place in PLACES}
        self._top = {name: torch.empty(filters, 0).double() for name in STATISTICS}
        self._images = {name: torch.empty(filters, 0).long() for name in STATISTICS}

    def add(self, outputs: dict[nn.Module, Tensor], labels: Tensor, start: int) -> None:
        """Add a batch whose first image has index ``start``."""
        raw = outputs[self.layer.convolution].flatten(2)
        activated = self.layer.activated(outputs[self.layer.normalised]).flatten(2)
        self._area = raw.shape[2]
        member = nn.functional.one_hot(labels, len(self._counts)).double().cpu()
        self._counts += member.sum(0)
        for place, maps in zip(PLACES, (raw, activated), strict=True):
            norms = torch.linalg.vector_norm(maps, dim=2).double().cpu().T
            self._sums[place] += torch.stack([norms @ member, norms**2 @ member])
        for name, values in zip(STATISTICS, (activated.mean(2), activated.amax(2)), strict=True):
            self._rank(name, values.double().cpu().T, start)

    def _rank(self, name: str, values: Tensor, start: int) -> None:
        """Merge the new images into the best so far; the stable sort prefers earlier images."""
        fresh = torch.arange(start, start + values.shape[1]).expand(len(values), -1)
        merged = torch.cat([self._top[name], values], dim=1)
        images = torch.cat([self._images[name], fresh], dim=1)
        order = merged.sort(dim=1, descending=True, stable=True).indices[:, :TOP]
        self._top[name], self._images[name] = merged.gather(1, order), images.gather(1, order)

    def finish(self) -> FilterStatistics:
        norms, spreads = {}, {}
        for place, sums in self._sums.items():
            mean, square = (sums / self._counts).numpy()  # 0 / 0 is NaN
            norms[place] = mean
            spreads[place] = np.sqrt(np.maximum(square - mean**2, 0))
        top = {n: Top(self._images[n].numpy(), self._top[n].numpy()) for n in STATISTICS}
        counts = self._counts.long().numpy()
        return FilterStatistics(self.layer, self._area, counts, norms, spreads, top)

"""Find the head of a network, which turns the last feature maps into logits."""

from dataclasses import dataclass

from torch import Tensor, nn

from analysis.layers import calls_of
from trainables.boundary.errors import UsageError

_WEIGHTLESS = (nn.Flatten, nn.Dropout, nn.Identity)


@dataclass(frozen=True)
class Head:
    """The part of a network after the last feature maps.

    Attributes:
        entry: the module that takes the feature maps (N, C, h, w): a pooling to one pixel, or a
            flattening.
        linear: the only layer with weights after a global average pool; None if there is none.
        averages: True if the logits are means of maps: a global average pool, followed by at most
            one linear layer. Then class activation maps are exact.
    """

    entry: nn.Module
    linear: nn.Linear | None
    averages: bool


def head_of(model: nn.Module, inputs: Tensor) -> Head:
    """The head of ``model``, from the modules that it calls for the first input (N, C, H, W).

    Raises:
        UsageError: the network neither pools globally nor flattens by a module.
    """
    called = [call.module for call in calls_of(model, inputs[:1])]
    pools = [m for m in called if isinstance(m, nn.AdaptiveAvgPool2d)]
    flattenings = [m for m in called if isinstance(m, nn.Flatten)]
    if not pools and not flattenings:
        raise UsageError(
            f"{type(model).__name__}: no nn.AdaptiveAvgPool2d or nn.Flatten leads from maps to "
            "logits; use one of them as a module"
        )
    entry = pools[-1] if pools else flattenings[0]
    rest = [m for m in called[called.index(entry) + 1 :] if not isinstance(m, _WEIGHTLESS)]
    linear = rest[0] if rest and isinstance(rest[0], nn.Linear) else None
    to_one_pixel = bool(pools) and pools[-1].output_size in (1, (1, 1))
    averages = to_one_pixel and len(rest) == (linear is not None)
    return Head(entry, linear if averages else None, averages)


def feature_maps(model: nn.Module, inputs: Tensor, entry: nn.Module) -> Tensor:
    """The feature maps that enter ``entry`` of ``model`` for ``inputs``, (N, C, h, w)."""
    maps: list[Tensor] = [c.argument for c in calls_of(model, inputs) if c.module is entry]
    return maps[-1]

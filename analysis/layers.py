"""Find the convolutions of a network, in the order in which it computes them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

_POOLS = (nn.MaxPool2d, nn.AvgPool2d)


@dataclass(frozen=True)
class Layer:
    """A convolution.

    Attributes:
        name: name of the convolution in its network.
        convolution: the module.
        normalised: the BN that reads its output and nothing else, or the convolution itself.
        activation: name of the ReLU that its output reaches through BN and pooling only; or None.
    """

    name: str
    convolution: nn.Conv2d
    normalised: nn.Module
    activation: str | None

    def activated(self, normalised: Tensor) -> Tensor:
        """The activation map, (N, C, H, W), of the output of ``normalised``, before any pooling.

        Max pooling and the ReLU commute, so the map is the same if the network pools first.
        """
        return normalised if self.activation is None else normalised.relu()


@dataclass(frozen=True)
class Call:
    """One call of a module without children.

    Attributes:
        name: name of the module in its network.
        module: the module.
        argument: its first positional argument; None if it has none.
        output: its return value.
    """

    name: str
    module: nn.Module
    argument: Any
    output: Any


def layers_of(model: nn.Module, inputs: Tensor) -> tuple[Layer, ...]:
    """The convolutions that ``model`` calls for ``inputs``, (N, C, H, W), in order."""
    calls = calls_of(model, inputs)
    return tuple(
        _layer(call, calls[place + 1 :])
        for place, call in enumerate(calls)
        if isinstance(call.module, nn.Conv2d)
    )


def _layer(call: Call, later: list[Call]) -> Layer:
    """Follow the convolution's output, as the same tensor, through BN and pools to a ReLU."""
    assert isinstance(call.module, nn.Conv2d)
    tensor, normalised = call.output, call.module
    for reader in later:
        if reader.argument is not tensor:
            continue
        if isinstance(reader.module, nn.ReLU):
            return Layer(call.name, call.module, normalised, reader.name)
        if isinstance(reader.module, nn.BatchNorm2d):
            normalised = reader.module  # type: ignore[assignment]
        elif not isinstance(reader.module, _POOLS):
            break
        tensor = reader.output
    return Layer(call.name, call.module, normalised, None)


def calls_of(model: nn.Module, inputs: Tensor) -> list[Call]:
    """The calls of all modules without children that ``model`` makes for ``inputs``, in order.

    A convolution is included even if a parametrisation of its weights is its child.

    Args:
        model: the network, in the mode in which to call it.
        inputs: (N, C, H, W), normalised.
    """
    calls: list[Call] = []

    def note(name: str, module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        calls.append(Call(name, module, next(iter(arguments), None), output))

    with ExitStack() as hooks, torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.Conv2d) or not list(module.children()):
                hooks.callback(module.register_forward_hook(partial(note, name)).remove)
        model(inputs)
    return calls


@contextmanager
def captured(*modules: nn.Module) -> Iterator[dict[nn.Module, Tensor]]:
    """Record the latest output of each of ``modules`` while the context lasts."""
    outputs: dict[nn.Module, Tensor] = {}

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        outputs[module] = output.clone()  # a ReLU after it may work in place

    with ExitStack() as hooks:
        for module in set(modules):
            hooks.callback(module.register_forward_hook(keep).remove)
        yield outputs

"""Check that every ReLU is a module, so that hooks see it.

captum changes the gradients of ReLUs by hooks on ``nn.ReLU`` modules. A functional ReLU has no
hooks: guided backpropagation would silently become the plain gradient.
"""

import warnings
from contextlib import ExitStack
from typing import Any

import torch
from captum.attr import Attribution
from torch import Tensor, nn
from torch.autograd.graph import Node

from analysis.subject import NotApplicableError
from trainables.boundary.errors import UsageError

_NODES = ("Relu", "Clamp", "Threshold")  # autograd's names of x.relu(), x.clamp(0), F.threshold


def attributed(
    method: Attribution, model: nn.Module, inputs: Tensor, target: Any, **options: Any
) -> Tensor:
    """Attributions to ``inputs`` by captum's ``method``, which hooks the ReLUs of ``model``.

    Raises:
        UsageError: a ReLU is functional, or works in place.
    """
    check_relus(model, inputs)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Setting backward hooks")
        maps: Tensor = method.attribute(inputs.clone().requires_grad_(), target, **options)
    return maps.detach()


def check_relus(model: nn.Module, inputs: Tensor) -> None:
    """Compare the ReLUs in the autograd graph with those that were called as modules.

    Args:
        model: any network.
        inputs: (N, C, H, W); only the first is used.

    Raises:
        NotApplicableError: there is no ReLU.
        UsageError: a ReLU is functional, or works in place.
    """
    relus = {name: m for name, m in model.named_modules() if isinstance(m, nn.ReLU)}
    inplace = [name for name, relu in relus.items() if relu.inplace]
    if inplace:
        raise UsageError(
            f"{type(model).__name__}: ReLU {inplace[0]} works in place, which gradient hooks "
            "cannot follow; make it nn.ReLU()"
        )
    seen: list[Node | None] = []
    with ExitStack() as hooks, torch.enable_grad():
        for relu in relus.values():
            hooks.callback(relu.register_forward_hook(lambda *a: seen.append(a[2].grad_fn)).remove)
        output = model(inputs[:1].detach().clone().requires_grad_())
        functional = _relu_nodes(output) - set(seen)
    if functional:
        raise UsageError(
            f"{type(model).__name__}: {len(functional)} ReLU call(s) are functional (F.relu), "
            "which gradient hooks cannot see; make each an nn.ReLU() module"
        )
    if not seen:
        raise NotApplicableError("the network has no ReLU, and this method changes their gradients")


def _relu_nodes(output: Tensor) -> set[Node]:
    """The ReLUs in the autograd graph of ``output``, whether modules or functions."""
    seen: set[Node] = set()
    queue = [output.grad_fn]
    while queue:
        node = queue.pop()
        if node is not None and node not in seen:
            seen.add(node)
            queue += [parent for parent, _ in node.next_functions]
    return {node for node in seen if node.name().startswith(_NODES)}

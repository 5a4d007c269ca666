"""Does a map depend on what the network learned? (Adebayo et al. 2018, "Sanity Checks for Saliency
Maps")

If a map hardly changes when the last layer gets new random weights, it shows the picture's edges,
whatever the network predicts.
"""

import copy

import torch
from scipy.stats import rankdata
from torch import Tensor, nn

from analysis.layers import calls_of

SEED = 0
# Above these rank correlations a map is mostly or partly the same.
EDGE_LIKE, PARTLY = 0.65, 0.35


def last_layer(model: nn.Module, inputs: Tensor) -> str:
    """Name of the last linear layer or convolution that ``model`` calls for ``inputs``."""
    calls = calls_of(model, inputs[:1])
    return [call.name for call in calls if isinstance(call.module, nn.Linear | nn.Conv2d)][-1]


def with_last_layer_redrawn(model: nn.Module, inputs: Tensor, seed: int = SEED) -> nn.Module:
    """A copy of ``model`` whose last layer has new random weights, as before training."""
    copied = copy.deepcopy(model)
    _redraw(copied.get_submodule(last_layer(copied, inputs)), _generator(seed))
    return copied


def untrained(model: nn.Module) -> nn.Module:
    """A copy of ``model`` with every convolution and linear layer redrawn and every BN reset."""
    copied, generator = copy.deepcopy(model), _generator(SEED)
    for module in copied.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            _redraw(module, generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    return copied


def rank_correlations(first: Tensor, second: Tensor) -> list[float | None]:
    """Spearman's rank correlation of each map of ``first`` with that of ``second``, (N, H, W).

    It is None if a map is constant.
    """
    pairs = zip(_ranks(first), _ranks(second), strict=True)
    return [_correlation(a, b) for a, b in pairs]


def meaning(correlation: float | None) -> str:
    """The meaning of a mean rank correlation of maps, as a phrase."""
    if correlation is None:
        return "the maps are constant and show nothing"
    if correlation > EDGE_LIKE:
        return "edge-like, not evidence: much the same without the learned last layer"
    if correlation > PARTLY:
        return "weak evidence: partly the same without the learned last layer"
    return "the maps depend on the learned last layer"


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _redraw(layer: nn.Module, generator: torch.Generator) -> None:
    """Initialise a layer as PyTorch does: uniformly within 1 / sqrt(inputs of a neuron)."""
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    bound = layer.weight[0].numel() ** -0.5
    with torch.no_grad():
        for parameter in layer.parameters():
            drawn = torch.empty(parameter.shape).uniform_(-bound, bound, generator=generator)
            parameter.copy_(drawn)


def _ranks(maps: Tensor) -> Tensor:
    """Ranks within each map, (N, H * W), minus their mean; equal values share their rank."""
    ranks = torch.from_numpy(rankdata(maps.flatten(1).cpu().numpy(), axis=1))
    return ranks - ranks.mean(dim=1, keepdim=True)


def _correlation(first: Tensor, second: Tensor) -> float | None:
    length = float(first.norm() * second.norm())
    return float(first @ second) / length if length > 0 else None

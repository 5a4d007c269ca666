"""Dropout: what is kept, how often, and what it becomes."""

import pytest
import torch

from trainables.dropout import Dropout


def dropped(p: float, shape=(1000, 301), seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    return Dropout(p)(torch.ones(shape))


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
def test_as_many_are_zeroed_as_asked(p):
    zeroed = (dropped(p) == 0).double().mean().item()
    assert zeroed == pytest.approx(p, abs=5 * (p * (1 - p) / 301_000) ** 0.5)


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
def test_what_is_kept_is_scaled_as_torch_scales_it(p):
    torch.manual_seed(0)
    theirs = torch.nn.Dropout(p)(torch.ones(1000))
    assert dropped(p).max().item() == pytest.approx(theirs.max().item())


def test_neighbours_are_zeroed_independently():
    zeroed = (dropped(0.5) == 0).double().flatten() - 0.5
    for apart in (1, 2, 3, 4):
        correlation = 4 * (zeroed[apart:] * zeroed[:-apart]).mean().item()
        assert abs(correlation) < 5 / zeroed.numel() ** 0.5


def test_the_same_seed_draws_the_same_and_another_does_not():
    assert torch.equal(dropped(0.3, seed=1), dropped(0.3, seed=1))
    assert not torch.equal(dropped(0.3, seed=1), dropped(0.3, seed=2))


def test_the_gradient_flows_where_a_feature_is_kept():
    inputs = torch.ones(7, 5, requires_grad=True)
    out = Dropout(0.5)(inputs)
    out.sum().backward()
    assert torch.equal(inputs.grad, out.detach())


def test_a_network_that_is_evaluated_drops_nothing_and_draws_nothing():
    layer, state = Dropout(0.5).eval(), torch.get_rng_state()
    assert torch.equal(layer(torch.ones(9)), torch.ones(9))
    assert torch.equal(torch.get_rng_state(), state)


def test_half_precision_stays_half_precision():
    assert Dropout(0.25)(torch.ones(8, dtype=torch.bfloat16)).dtype == torch.bfloat16

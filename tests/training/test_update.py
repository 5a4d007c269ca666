"""An optimizer's step with its numbers on the device, against torch's own optimizers."""

import pytest
import torch
from torch.optim import SGD, Adam, AdamW

from trainables.step.update import begin, update

OPTIMIZERS = {
    "adamw": lambda p: AdamW(p, 0.01, weight_decay=0.1),
    "adam": lambda p: Adam(p, 0.01, weight_decay=0.1),
    "adam without decay": lambda p: Adam(p, 0.01),
    "sgd": lambda p: SGD(p, 0.01, momentum=0.9, weight_decay=0.1),
    "sgd, nesterov": lambda p: SGD(p, 0.01, momentum=0.9, nesterov=True),
    "sgd without momentum": lambda p: SGD(p, 0.01),
}
SHAPES = [(5, 3, 3, 3), (5,), (37,), ()]
STEPS = 12


def weights() -> list[torch.nn.Parameter]:
    draws = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=draws)) for shape in SHAPES]


def trained(name: str, numbers, step) -> list[torch.Tensor]:
    """Weights after steps whose rate and momentum ``numbers`` says; the last has no gradient."""
    optimizer, draws = OPTIMIZERS[name](weights()), torch.Generator().manual_seed(1)
    begin(optimizer)
    parameters = optimizer.param_groups[0]["params"]
    for number in range(STEPS):
        for weight in parameters[:-1]:
            weight.grad = torch.randn(weight.shape, generator=draws)
        step(optimizer, *numbers(number))
    return parameters


def as_torch_does(optimizer, rate: float, momentum: float) -> None:
    group = optimizer.param_groups[0]
    group["lr"] = rate
    if "betas" in group:
        group["betas"] = (momentum, group["betas"][1])
    elif group["momentum"]:
        group["momentum"] = momentum
    optimizer.step()


def constant(number: int) -> tuple[float, float]:
    return 0.01 / (number + 1), 0.9


def cycling(number: int) -> tuple[float, float]:
    return 0.01 / (number + 1), 0.95 - 0.01 * number


def by_numbers(optimizer, rate: float, momentum: float) -> None:
    own = (
        momentum
        if "betas" in (group := optimizer.param_groups[0])
        else group["momentum"] and momentum
    )
    update(optimizer, torch.tensor(rate, dtype=torch.float64), float(own))


def by_tensors(optimizer, rate: float, momentum: float) -> None:
    update(optimizer, torch.tensor(rate), torch.tensor(momentum))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_with_the_rate_on_the_device_a_step_is_torch_s_own(name):
    for ours, theirs in zip(
        trained(name, constant, by_numbers), trained(name, constant, as_torch_does), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if "without momentum" not in name])
def test_with_the_momentum_on_the_device_too_a_step_is_torch_s_own(name):
    for ours, theirs in zip(
        trained(name, cycling, by_tensors), trained(name, cycling, as_torch_does), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_weight_without_a_gradient_stays(name):
    assert torch.equal(trained(name, constant, by_numbers)[-1], weights()[-1])

"""Max pooling against torch's own, and its gradient against a plain search of each window."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from trainables.pooling import MaxPool2d, PairMaximum

# Batch, channels, height, width: large enough for the pairs, the last two with odd runs.
SHAPES = [(64, 64, 16, 16), (1, 64, 128, 130), (128, 3, 54, 52), (37, 33, 30, 30)]
VALUES = {
    "all different": lambda shape: torch.randn(shape),
    "many ties": lambda shape: torch.randint(-1, 2, shape).float(),
    "one value": lambda shape: torch.full(shape, -2.0),
    "zeros of both signs": lambda shape: torch.randint(0, 2, shape).sub(0.5).mul(0.0),
    "infinities": lambda shape: torch.randn(shape).div(torch.randint(0, 2, shape)),
    "not a number": lambda shape: torch.randn(shape).mul(0.3).log(),
}


def maps(shape=SHAPES[0], values="many ties", dtype=torch.bfloat16) -> torch.Tensor:
    torch.manual_seed(0)
    made = VALUES[values](shape).to(dtype)
    return made.contiguous(memory_format=torch.channels_last).requires_grad_()


def pooled_in_pairs(pool: nn.Module, inputs: torch.Tensor) -> bool:
    return type(pool(inputs).grad_fn).__name__ == f"{PairMaximum.__name__}Backward"


def both(inputs: torch.Tensor, gradient: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Output and gradient of the inputs, by ours and by torch's."""
    results = []
    for pool in (MaxPool2d(2), nn.MaxPool2d(2)):
        output = pool(inputs)
        results.append((output.detach(), torch.autograd.grad(output, inputs, gradient)[0]))
    return results


def assert_equal(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True, check_stride=True)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("values", VALUES)
def test_maxima_and_gradients_are_torchs(shape, values):
    inputs = maps(shape, values)
    count, channels, height, width = shape
    gradient = torch.randn(count, channels, height // 2, width // 2, dtype=torch.bfloat16)
    for ours, theirs in zip(*both(inputs, gradient), strict=True):
        assert_equal(ours, theirs)


def test_gradients_that_are_not_finite_stay_at_their_places():
    inputs = maps()
    gradient = torch.randn(64, 64, 8, 8, dtype=torch.bfloat16)
    gradient.view(-1)[:3] = torch.tensor([torch.nan, torch.inf, -torch.inf])
    (_, ours), (_, theirs) = both(inputs, gradient)
    assert_equal(ours, theirs)


def test_the_gradient_goes_to_the_first_maximum_of_a_window():
    inputs = maps()
    gradient = torch.randn(64, 64, 8, 8, dtype=torch.bfloat16)
    (_, ours), _ = both(inputs, gradient)
    windows = inputs.detach().unfold(2, 2, 2).unfold(3, 2, 2).flatten(4).float()
    first = (windows == windows.amax(4, keepdim=True)).int().argmax(4)
    expected = torch.zeros(64, 64, 8, 8, 4).scatter(
        4, first[..., None], gradient.float()[..., None]
    )
    received = ours.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4).float()
    assert torch.equal(received, expected)


def test_large_channels_last_maps_in_bfloat16_are_pooled_in_pairs():
    assert all(pooled_in_pairs(MaxPool2d(2), maps(shape)) for shape in SHAPES)
    assert pooled_in_pairs(MaxPool2d((2, 2), stride=(2, 2)), maps())


@pytest.mark.parametrize(
    ("pool", "inputs"),
    [
        (MaxPool2d(2).eval(), maps()),
        (MaxPool2d(3), maps()),
        (MaxPool2d(2, stride=1), maps()),
        (MaxPool2d(2, padding=1), maps()),
        (MaxPool2d(2, dilation=2), maps()),
        (MaxPool2d((2, 1)), maps()),
        (MaxPool2d(2, ceil_mode=True), maps((64, 64, 17, 16))),
        (MaxPool2d(2), maps((64, 64, 16, 17))),
        (MaxPool2d(2), maps().detach().contiguous().requires_grad_()),
        (MaxPool2d(2), maps((64, 128, 16, 16)).detach()[:, ::2].requires_grad_()),
        (MaxPool2d(2), maps(SHAPES[1])[0]),
        (MaxPool2d(2), maps((1, 32, 16, 16))),
        (MaxPool2d(2), maps((0, 32, 16, 16))),
        (MaxPool2d(2), maps(dtype=torch.float32)),
        (MaxPool2d(2), maps().detach()),
    ],
)
def test_everything_else_is_torchs_own(pool, inputs):
    theirs = nn.MaxPool2d(
        pool.kernel_size, pool.stride, pool.padding, pool.dilation, ceil_mode=pool.ceil_mode
    )
    assert not pooled_in_pairs(pool, inputs)
    assert_equal(pool(inputs), theirs(inputs))


def test_the_places_that_unpooling_needs_are_torchs():
    ours, theirs = (kind(2, return_indices=True)(maps()) for kind in (MaxPool2d, nn.MaxPool2d))
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.equal(mine, other)


def test_what_traces_a_step_sees_torchs_own_operator():
    with FlopCounterMode(display=False):  # any dispatch mode
        assert not pooled_in_pairs(MaxPool2d(2), maps())


def test_it_is_torchs_module_to_whoever_looks():
    pool = MaxPool2d(2)
    assert isinstance(pool, nn.MaxPool2d)
    assert repr(pool) == repr(nn.MaxPool2d(2))
    assert pool.state_dict() == {}

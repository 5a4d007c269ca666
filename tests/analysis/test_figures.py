"""What every figure does for every architecture."""

import json
from dataclasses import dataclass
from functools import cache

import pytest
import torch
from matplotlib.image import imread
from subjects import constructed
from torch import nn

from analysis import figures
from analysis.figures import Drawing, NotApplicableError
from trainables import architectures

every = pytest.mark.parametrize(
    ("architecture", "name"),
    [(a, name) for a in architectures.available() for name in figures.available()],
)


@dataclass(frozen=True)
class Drawn:
    """A drawing, or why there is none, and the network's state before it."""

    drawing: Drawing | None
    reason: str
    before: dict[str, torch.Tensor]


def draw(architecture: str, name: str) -> Drawing | str:
    try:
        return figures.drawer(name)(constructed(architecture))
    except NotApplicableError as reason:
        return str(reason)


@cache
def drawn(architecture: str, name: str) -> Drawn:
    """Drawn once for the tests that follow: some figures take seconds."""
    state = constructed(architecture).model.state_dict()
    before = {key: value.clone() for key, value in state.items()}
    found = draw(architecture, name)
    told = isinstance(found, str)
    return Drawn(None if told else found, found if told else "", before)


@every
def test_a_figure_of_any_network_is_drawn_told_in_numbers_and_explained(
    architecture, name, tmp_path
):
    found = drawn(architecture, name)
    if found.drawing is None:
        assert found.reason
        return
    drawing = found.drawing
    drawing.figure.savefig(tmp_path / "figure.png", dpi=40)
    assert imread(tmp_path / "figure.png").std() > 0.01
    assert json.loads(json.dumps(drawing.numbers, allow_nan=False))
    assert all((drawing.caption.shows, drawing.caption.made, drawing.caption.limits))


@every
def test_a_figure_leaves_the_network_as_it_was(architecture, name):
    before, model = drawn(architecture, name).before, constructed(architecture).model
    assert not any(module.training for module in model.modules())
    assert not any(hooked(module) for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def hooked(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)


@pytest.mark.parametrize("name", figures.available())
def test_a_figure_drawn_twice_has_the_same_numbers(name):
    first, again = drawn("gap5", name), draw("gap5", name)
    if first.drawing is None:
        assert again == first.reason
    else:
        assert json.dumps(again.numbers) == json.dumps(first.drawing.numbers)

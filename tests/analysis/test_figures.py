"""What every figure does for every architecture."""

import json

import pytest
import torch
from matplotlib.image import imread
from subjects import constructed, drawn
from torch import nn

from analysis import figures
from analysis.figures import NotApplicableError
from trainables import architectures

# Of the figures that show no network those of one are enough.
WITHOUT_NETWORK = ("data", "search")
every = pytest.mark.parametrize(
    ("architecture", "name"),
    [
        (architecture, name)
        for architecture in architectures.available()
        for name in figures.available()
        if architecture == "gap5" or figures.group(name) not in WITHOUT_NETWORK
    ],
)


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
    first = drawn("gap5", name)
    if first.drawing is None:
        with pytest.raises(NotApplicableError) as refused:
            figures.drawer(name)(constructed("gap5"))
        assert str(refused.value) == first.reason
    else:
        again = figures.drawer(name)(constructed("gap5"))
        assert json.dumps(again.numbers) == json.dumps(first.drawing.numbers)

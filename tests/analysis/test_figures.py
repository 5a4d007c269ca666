"""What every figure does for every architecture."""

import contextlib
import json

import pytest
import torch
from matplotlib.image import imread
from subjects import constructed

from analysis import figures
from analysis.figures import NotApplicableError
from analysis.subject import Subject
from trainables import architectures


@pytest.fixture(scope="module", params=architectures.available())
def each_subject(request) -> Subject:
    """A subject of every architecture, on composite images."""
    return constructed(request.param)


@pytest.fixture(scope="module")
def gap5() -> Subject:
    return constructed("gap5")


@pytest.mark.parametrize("name", figures.available())
def test_a_figure_of_any_network_is_drawn_told_in_numbers_and_explained(
    each_subject: Subject, tmp_path, name
):
    try:
        drawing = figures.drawer(name)(each_subject)
    except NotApplicableError as reason:
        assert str(reason)
        return
    drawing.figure.savefig(tmp_path / "figure.png", dpi=40)
    assert imread(tmp_path / "figure.png").std() > 0.01
    assert json.loads(json.dumps(drawing.numbers, allow_nan=False))
    assert all((drawing.caption.shows, drawing.caption.made, drawing.caption.limits))


@pytest.mark.parametrize("name", figures.available())
def test_a_figure_leaves_the_network_as_it_was(each_subject: Subject, name):
    model = each_subject.model
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with contextlib.suppress(NotApplicableError):
        figures.drawer(name)(each_subject)
    assert not any(module.training for module in model.modules())
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", figures.available())
def test_a_figure_drawn_twice_has_the_same_numbers(gap5: Subject, name):
    try:
        numbers = [json.dumps(figures.drawer(name)(gap5).numbers) for _ in range(2)]
    except NotApplicableError:
        return
    assert numbers[0] == numbers[1]

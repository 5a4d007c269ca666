"""Activation maximisation climbs, and its weight holds it back."""

import numpy as np
import pytest
import torch
from subjects import constructed, drawing_of

from analysis.activation_maximisation import Maximised, maximise


def run(name: str, **settings) -> Maximised:
    """From the images that excite two filters of the last convolution most."""
    subject = constructed(name)
    layer = subject.layers[-1]
    top = subject.activations[layer.name].top["mean"]
    filters = np.flatnonzero(top.values[:, 0])[:2]
    start = torch.from_numpy(subject.split.images[top.images[filters, 0]]) / 255
    return maximise(
        subject.model, layer, subject.normalise, start, torch.from_numpy(filters), **settings
    )


@pytest.mark.parametrize("name", ["gap5", "conv3", "resnet18"])
def test_it_raises_the_activation(name):
    found = run(name)
    assert (found.activations[-1] > found.activations[0]).all()
    assert (found.distances[-1] > 0).all()


def test_it_starts_at_the_activation_that_the_image_was_ranked_by():
    subject = constructed("gap5")
    top = subject.activations["conv5"].top["mean"]
    found = run("gap5", steps=1)
    assert found.activations[0].tolist() == pytest.approx(top.values[:2, 0].tolist(), rel=1e-4)
    assert found.distances[0].tolist() == [0, 0]


def test_a_huge_weight_keeps_it_at_the_start():
    found = run("gap5", weight=1e8)
    assert torch.allclose(found.result, found.start, atol=1e-5)


def test_more_weight_ends_nearer():
    far, near = run("gap5", weight=1.0), run("gap5", weight=50.0)
    assert (near.distances[-1] < far.distances[-1]).all()


def test_pixels_stay_valid():
    result = run("gap5", weight=0.0, step_size=0.2).result
    assert result.min() >= 0 and result.max() <= 1


def test_the_first_step_has_the_stated_size():
    """Far from the pixels' limits, where none is clamped."""
    subject = constructed("gap5")
    start = torch.full((1, 40, 40, 3), 0.5)
    found = maximise(
        subject.model, subject.layers[-1], subject.normalise, start, torch.tensor([3]),
        weight=0.0, steps=1, step_size=0.001,
    )  # fmt: skip
    assert float(found.distances[1]) == pytest.approx(0.001, rel=1e-3)


def test_of_a_linear_activation_it_finds_the_known_maximum():
    """The mean of a first convolution's map has a constant gradient: the distance is 1 / 2w."""
    subject = constructed("conv3")
    layer = subject.layers[0]
    linear = type(layer)(layer.name, layer.convolution, layer.convolution, None)
    start = torch.full((1, 40, 40, 3), 0.5)
    found = maximise(
        subject.model, linear, subject.normalise, start, torch.tensor([0]),
        weight=25.0, steps=200, step_size=0.01,
    )  # fmt: skip
    assert float(found.distances[-1]) == pytest.approx(1 / 50, rel=1e-3)


def test_the_settings_and_both_traces_are_told():
    numbers = drawing_of("activation_maximisation").numbers
    steps = numbers["steps"]
    assert {"weight", "step_size", "layer", "filters", "images"} <= set(numbers)
    assert all(len(trace) == steps + 1 for trace in numbers["activations"] + numbers["distances"])


def test_it_is_told_how_much_of_the_change_lies_in_the_digit():
    numbers = drawing_of("activation_maximisation").numbers
    assert numbers["digit_area"] == pytest.approx(0.16)
    assert all(0 <= share <= 1 for share in numbers["change_in_digit"])

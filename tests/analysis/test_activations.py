"""Statistics of filters, against slow loops over single images."""

import numpy as np
import pytest
import torch
from subjects import constructed
from torch import nn

from analysis.activations import observe
from analysis.figures.class_norms import selectivity
from analysis.figures.top_images import overlap, shared_between_filters
from analysis.layers import captured, layers_of
from analysis.subject import Subject


@pytest.fixture(scope="module")
def gap5() -> Subject:
    return constructed("gap5")


def maps_of(subject: Subject, name: str, index: int) -> tuple[np.ndarray, np.ndarray]:
    """A convolution's own output for one image, and that after BN and ReLU, by hand."""
    x = subject.inputs(np.array([index]))
    modules = dict(subject.model.named_children())
    with torch.no_grad():
        for child, module in modules.items():
            x = module(x)
            if child == name:
                raw = x
                break
        norm = modules.get(name.replace("conv", "bn"))
        activated = raw if norm is None else torch.relu(norm(raw))
    return raw[0].numpy(), activated[0].numpy()


@pytest.mark.parametrize("name", ["conv1", "conv5"])
def test_class_wise_norms_equal_a_slow_loop(gap5, name):
    found = gap5.activations[name]
    norms = {"raw": {}, "activated": {}}
    for index, label in enumerate(gap5.split.labels):
        for place, maps in zip(norms, maps_of(gap5, name, index), strict=True):
            norms[place].setdefault(int(label), []).append(
                [np.sqrt((channel.astype(float) ** 2).sum()) for channel in maps]
            )
    for place, by_class in norms.items():
        for label, rows in by_class.items():
            assert found.norms[place][:, label] == pytest.approx(np.mean(rows, axis=0), rel=1e-4)
            assert found.spreads[place][:, label] == pytest.approx(
                np.std(rows, axis=0), rel=1e-2, abs=1e-3
            )


@pytest.mark.parametrize("name", ["conv1", "conv5"])
@pytest.mark.parametrize("statistic", ["mean", "max"])
def test_the_top_five_equal_a_slow_loop(gap5, name, statistic):
    values = np.array(
        [
            [getattr(channel, statistic)() for channel in maps_of(gap5, name, index)[1]]
            for index in range(len(gap5.split))
        ]
    ).T
    top = gap5.activations[name].top[statistic]
    for channel, images in enumerate(top.images):
        best = sorted(values[channel], reverse=True)[:5]
        assert values[channel][images] == pytest.approx(best, rel=1e-4, abs=1e-5)
        assert top.values[channel] == pytest.approx(best, rel=1e-4, abs=1e-5)


def test_images_that_tie_are_ranked_in_their_order(gap5):
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    nn.init.zeros_(model[0].weight)
    layers = layers_of(model, gap5.inputs())
    found = observe(model, layers, gap5.device_split, gap5.normalise, 10)["0"]
    assert found.top["mean"].images.tolist() == [[0, 1, 2, 3, 4]] * 2


def test_a_class_without_images_has_no_norm(gap5):
    found = observe(gap5.model, gap5.layers[:1], gap5.device_split, gap5.normalise, 11)["conv1"]
    assert found.counts[10] == 0
    assert np.isnan(found.norms["raw"][:, 10]).all()


def test_the_selectivity_of_constructed_filters():
    norms = np.array([[1.0, 1.0, 1.0], [6.0, 0.0, 0.0], [3.0, 1.0, 1.0], [3.0, 1.0, np.nan]])
    assert selectivity(norms) == pytest.approx([0, 1, 0.5, 0.5])


def test_the_overlap_of_top_sets_is_counted(gap5):
    found = gap5.activations["conv5"]
    by_mean, by_max = found.top["mean"].images, found.top["max"].images
    expected = [sum(i in by_max[row] for i in by_mean[row]) / 5 for row in range(len(by_mean))]
    assert overlap(found).tolist() == expected
    pairs = [
        len(set(by_mean[i]) & set(by_mean[j])) / 5 for i in range(len(by_mean)) for j in range(i)
    ]
    assert shared_between_filters(found, "mean") == pytest.approx(np.mean(pairs))


def test_layers_come_in_the_order_of_their_calls_with_what_follows_them(gap5):
    found = [(each.name, each.activation) for each in gap5.layers]
    assert found == [
        ("conv1", "relu1"),
        ("conv2", "relu2"),
        ("conv3", "relu3"),
        ("conv4", "relu4"),
        ("conv5", None),
    ]
    assert gap5.layers[0].normalised is gap5.model.bn1
    assert gap5.layers[4].normalised is gap5.model.conv5


def test_a_relu_behind_a_residual_sum_is_not_the_convolutions_own():
    layers = {layer.name: layer for layer in constructed("resnet18").layers}
    assert layers["layer1.0.conv1"].activation == "layer1.0.relu1"
    assert layers["layer1.0.conv2"].activation is None


def test_hooks_are_gone_after_an_error(gap5):
    with pytest.raises(RuntimeError), captured(gap5.model.conv1):
        raise RuntimeError
    assert not gap5.model.conv1._forward_hooks

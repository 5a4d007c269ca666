"""Networks of other kinds than those that come along: what applies is drawn, the rest is named."""

import numpy as np
import pytest
import torch
from subjects import noisy
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from analysis import figures
from analysis.drawn import Gallery, draw_figures
from trainables.data.shortcut import Shortcut

SIDE, CLASSES = 12, 3
SHAPE = (SIDE, SIDE, 3)
NAMES = tuple("abc")
OF_CONVOLUTIONS = {
    *("filters", "gabor", "class_norms", "feature_maps", "top_images"),
    *("activation_maximisation", "cam", "deconvolution"),
}
OF_RELUS = {"guided_backprop", "deconvolution"}


def head(features: int = 8) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, CLASSES)]


class Functional(nn.Module):
    """Its ReLU is a function, its pooling a mean."""

    def __init__(self, pool: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.head = nn.Sequential(*head()) if pool else nn.Linear(8, CLASSES)
        self.pool = pool

    def forward(self, images: Tensor) -> Tensor:
        maps = F.relu(self.conv(images))
        logits: Tensor = self.head(maps if self.pool else maps.mean((2, 3)))
        return logits


class Reused(nn.Module):
    """Its ReLU is called twice, its convolution too."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv, self.relu = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1), nn.ReLU()
        self.head = nn.Sequential(*head())

    def forward(self, images: Tensor) -> Tensor:
        maps = self.relu(self.stem(images))
        logits: Tensor = self.head(self.relu(self.conv(self.conv(maps))))
        return logits


class Recurrent(nn.Module):
    """Reads an image row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.linear = nn.GRU(3 * SIDE, 8, batch_first=True), nn.Linear(8, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.rows(images.permute(0, 2, 3, 1).flatten(2))[0][:, -1])
        return logits


PERCEPTRON = (nn.Flatten(), nn.Linear(3 * SIDE**2, 8), nn.ReLU(), nn.Linear(8, CLASSES))
# Of each network, its layers, and the figures that do not apply to it.
WHOLE = {
    "a perceptron": (lambda: PERCEPTRON, OF_CONVOLUTIONS),
    "a linear network": (
        lambda: (nn.Flatten(), nn.Linear(3 * SIDE**2, CLASSES)),
        OF_CONVOLUTIONS | OF_RELUS,
    ),
    "pooled colours": (lambda: head(3), OF_CONVOLUTIONS | OF_RELUS),
    "a recurrent network": (lambda: [Recurrent()], OF_CONVOLUTIONS | OF_RELUS),
    "no bias": (lambda: (nn.Conv2d(3, 8, 5, bias=False), nn.ReLU(), *head()), set()),
    "groups": (lambda: (nn.Conv2d(3, 9, 5, groups=3), nn.ReLU(), *head(9)), set()),
    "patches": (lambda: (nn.Conv2d(3, 8, 6, stride=6), nn.ReLU(), *head()), set()),
    "an oblong kernel": (lambda: (nn.Conv2d(3, 8, (1, 7)), nn.ReLU(), *head()), {"gabor"}),
    "another input": (
        lambda: (nn.PixelUnshuffle(2), nn.Conv2d(12, 8, 5), nn.ReLU(), *head()),
        set(),
    ),
    "an upright kernel": (lambda: (nn.Conv2d(3, 8, (7, 1)), nn.ReLU(), *head()), {"gabor"}),
    "one pixel": (lambda: (nn.Conv2d(3, 8, SIDE), nn.ReLU(), *head()), set()),
    "one filter": (lambda: (nn.Conv2d(3, 1, 5), nn.ReLU(), *head(1)), set()),
    "logits from a convolution": (
        lambda: (
            *(nn.Conv2d(3, 8, 5), nn.ReLU(), nn.Conv2d(8, CLASSES, 1)),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        ),
        set(),
    ),
    "weight norm": (lambda: (weight_norm(nn.Conv2d(3, 8, 5)), nn.ReLU(), *head()), set()),
    "a dead ReLU": (lambda: (dead(), nn.ReLU(), *head()), {"activation_maximisation"}),
    "GELU": (lambda: (nn.Conv2d(3, 8, 5), nn.GELU(), *head()), OF_RELUS),
    "SiLU": (lambda: (nn.Conv2d(3, 8, 5), nn.SiLU(), *head()), OF_RELUS),
    "Tanh": (lambda: (nn.Conv2d(3, 8, 5), nn.Tanh(), *head()), OF_RELUS),
    "LeakyReLU": (lambda: (nn.Conv2d(3, 8, 5), nn.LeakyReLU(), *head()), OF_RELUS),
    "layers called twice": (lambda: [Reused()], {"gabor"}),
}
# Of each network, the figures that would apply but cannot be drawn, and a word of the reason.
REFUSED = {
    "a ReLU in place": (
        lambda: (nn.Conv2d(3, 8, 5), nn.ReLU(inplace=True), *head()),
        dict.fromkeys(OF_RELUS, "in place"),
    ),
    "a functional ReLU": (lambda: [Functional(pool=True)], dict.fromkeys(OF_RELUS, "functional")),
    "a functional head": (
        lambda: [Functional(pool=False)],
        {
            "cam": "AdaptiveAvgPool2d",
            "deconvolution": "functional",
            "guided_backprop": "functional",
        },
    ),
}


def dead() -> nn.Module:
    """A convolution whose output is below 0 for every image."""
    layer = nn.Conv2d(3, 8, 5)
    nn.init.constant_(layer.bias, -100.0)
    return layer


def gallery(layers, folder) -> Gallery:
    torch.manual_seed(0)
    return draw_figures(
        noisy(NAMES, nn.Sequential(*layers()), SHAPE), ATTEMPTED, folder / "figures"
    )


# The figures of a network, whatever it was trained on.
ATTEMPTED = [
    name
    for name in figures.available()
    if figures.group(name) in ("filters", "activations", "attribution", "synthesis")
] + ["parameters"]
QUICK = ("a perceptron", "a linear network", "groups", "GELU", "layers called twice")


@pytest.mark.parametrize(
    "kind", [*QUICK, *(pytest.param(k, marks=pytest.mark.slow) for k in WHOLE if k not in QUICK)]
)
def test_what_applies_to_a_network_is_drawn_and_the_rest_is_no_failure(kind, tmp_path):
    layers, absent = WHOLE[kind]
    found = gallery(layers, tmp_path)
    assert found.failed == {}
    assert set(found.left_out) == absent
    assert {drawn.name for drawn in found.drawn} == set(ATTEMPTED) - absent


@pytest.mark.parametrize("kind", REFUSED)
def test_a_figure_that_a_network_does_not_allow_costs_no_other(kind, tmp_path):
    layers, reasons = REFUSED[kind]
    found = gallery(layers, tmp_path)
    assert found.failed.keys() == reasons.keys()
    assert all(word in found.failed[name] for name, word in reasons.items())
    assert len(found.drawn) == len(ATTEMPTED) - len(found.left_out) - len(reasons)
    assert not any((tmp_path / "figures" / f"{name}.png").exists() for name in reasons)


AUDITED = ["a perceptron", "pooled colours", "a recurrent network", "logits from a convolution"]


@pytest.mark.parametrize("kind", [*AUDITED, "a functional head"])
def test_a_network_of_another_kind_is_audited(kind, tmp_path):
    layers, _ = (WHOLE | REFUSED)[kind]
    shortcut = Shortcut(csv="corners.csv", column="corner", region=(0, 0, 4, 4))
    subject = noisy(NAMES, nn.Sequential(*layers()), SHAPE, shortcut=shortcut)
    found = draw_figures(subject, ["audit"], tmp_path / "figures")
    assert found.failed == found.left_out == {}


def test_what_a_convolution_gives_is_measured_before_a_relu_that_works_in_place():
    norms = []
    for inplace in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 8, 5), nn.ReLU(inplace=inplace), *head())
        subject = noisy(NAMES, model, SHAPE)
        norms.append(subject.activations["0"].norms["raw"])
    assert np.array_equal(*norms)

"""Figures of images that are neither square nor in colour."""

from functools import cache

import numpy as np
import pytest
import torch
from matplotlib.image import AxesImage
from subjects import noisy

from analysis import figures
from analysis.subject import Subject
from trainables import architectures
from trainables.data.shortcut import Shortcut

HEIGHT, WIDTH = 12, 20
MARK = Shortcut(csv="marks.csv", column="mark", region=(0, 14, 4, 20))
FIGURES = ("activation_maximisation", "audit", "augmentation", "cam", "classes", "composite")
FIGURES += ("deconvolution", "feature_maps", "filters", "guided_backprop", "integrated_gradients")
FIGURES += ("occlusion", "parameters", "samples", "top_images")


@cache
def subject() -> Subject:
    torch.manual_seed(0)
    model = architectures.build("conv3", image_shape=(HEIGHT, WIDTH, 1), classes=3, dense=8)
    return noisy(("a", "b", "c"), model, shape=(HEIGHT, WIDTH, 1), shortcut=MARK)


@pytest.mark.parametrize("name", FIGURES)
def test_an_image_is_drawn_in_grey_and_in_its_own_ratio(name):
    drawing = figures.drawer(name)(subject())
    drawing.figure.draw_without_rendering()
    for image in drawing.figure.findobj(AxesImage):
        pixels = np.asarray(image.get_array())
        assert image.get_cmap().name != "viridis" or pixels.ndim == 3
        if pixels.shape[:2] == (HEIGHT, WIDTH):
            left, right, bottom, top = image.get_extent()
            assert abs(right - left) / abs(top - bottom) == pytest.approx(WIDTH / HEIGHT)
            assert image.axes.get_aspect() == 1
            assert pixels.ndim == 2 or np.array_equal(pixels, np.repeat(pixels[..., :1], 3, 2))


def test_the_region_of_a_mark_may_lie_anywhere_on_a_rectangle():
    numbers = figures.drawer("occlusion")(subject()).numbers
    assert numbers["digit_mass"]["area"] == 4 * 6 / (HEIGHT * WIDTH)

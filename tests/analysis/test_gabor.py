"""Gabor fits of constructed filters."""

import numpy as np
import pytest

from analysis.gabor import fit


def gabor(size: int, angle: float, wavelength: float, phase: float) -> np.ndarray:
    axis = np.linspace(-1, 1, size)
    y, x = np.meshgrid(axis, axis, indexing="ij")
    u = x * np.cos(angle) + y * np.sin(angle)
    v = -x * np.sin(angle) + y * np.cos(angle)
    return np.exp(-(u**2) / 0.5 - v**2 / 0.8) * np.cos(2 * np.pi * u / wavelength + phase)


@pytest.mark.parametrize("angle", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("phase", [0.0, 1.2])
def test_a_gabor_function_is_fitted_whole(angle, phase):
    assert fit(3 * gabor(7, angle, 1.4, phase) + 0.5) > 0.99


def test_noise_is_fitted_less_than_a_gabor_function():
    rng = np.random.default_rng(1)
    noise = [fit(rng.normal(size=(7, 7))) for _ in range(10)]
    assert min(noise) >= 0 and max(noise) < 0.9
    assert np.mean(noise) < 0.6


def test_scale_and_offset_do_not_matter():
    kernel = np.random.default_rng(2).normal(size=(5, 5))
    assert fit(kernel) == pytest.approx(fit(40 * kernel - 7), abs=1e-3)


def test_a_constant_filter_has_nothing_to_explain():
    assert fit(np.full((5, 5), 3.0)) == 0.0

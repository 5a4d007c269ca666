"""How well a Gabor function fits a filter."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

Floats = NDArray[np.float64]

# Starting points: orientations by wavelengths (in shares of the filter's side) by phases.
ORIENTATIONS, WAVELENGTHS = 6, (0.5, 1.0, 2.0)
STARTS = 3  # of them, the best are refined


def fit(weights: Floats) -> float:
    """The largest R² of ``amplitude * gabor + offset`` for a filter (k, k), in [0, 1].

    The Gabor function is a cosine of any direction, wavelength and phase, times a Gaussian of any
    centre and of two widths, along and across it (Daugman 1985). Amplitude, phase and offset are
    solved exactly at each point of a grid; least squares refines the best ones. A constant filter
    has an R² of 0.
    """
    total = float(((weights - weights.mean()) ** 2).sum())
    if total < 1e-20:
        return 0.0
    target = weights / np.sqrt(total)
    axis = np.linspace(-1, 1, len(weights))
    y, x = np.meshgrid(axis, axis, indexing="ij")
    starts = sorted(_grid(), key=lambda shape: _residual_sum(shape, x, y, target))[:STARTS]
    left = min(_refined(shape, x, y, target) for shape in starts)
    return float(np.clip(1 - left, 0, 1))


def _grid() -> list[Floats]:
    """Centre x, centre y, log width along, log width across, angle, frequency (rad per unit)."""
    return [
        np.array([0.0, 0.0, np.log(0.6), np.log(0.6), angle, np.pi / wavelength])
        for angle in np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS
        for wavelength in WAVELENGTHS
    ]


def _residuals(shape: Floats, x: Floats, y: Floats, target: Floats) -> Floats:
    """Residuals after solving for the amplitudes of cosine and sine and the offset, (k * k,)."""
    centre_x, centre_y, along, across, angle, frequency = shape
    dx, dy = x - centre_x, y - centre_y
    u = dx * np.cos(angle) + dy * np.sin(angle)
    v = -dx * np.sin(angle) + dy * np.cos(angle)
    envelope = np.exp(-0.5 * ((u / np.exp(along)) ** 2 + (v / np.exp(across)) ** 2))
    waves = [envelope * np.cos(frequency * u), envelope * np.sin(frequency * u), np.ones_like(u)]
    basis = np.stack([wave.ravel() for wave in waves], axis=1)
    solved, *_ = np.linalg.lstsq(basis, target.ravel(), rcond=1e-8)
    residuals: Floats = target.ravel() - basis @ solved
    return residuals


def _residual_sum(shape: Floats, x: Floats, y: Floats, target: Floats) -> float:
    return float((_residuals(shape, x, y, target) ** 2).sum())


def _refined(shape: Floats, x: Floats, y: Floats, target: Floats) -> float:
    low = np.array([-1.0, -1.0, np.log(0.2), np.log(0.2), -np.inf, 0.1])
    high = np.array([1.0, 1.0, np.log(5.0), np.log(5.0), np.inf, 1.5 * np.pi * (len(x) - 1) / 2])
    shape = np.clip(shape, low + 1e-6, high - 1e-6)
    solution = least_squares(
        _residuals, shape, bounds=(low, high), args=(x, y, target), max_nfev=30
    )
    return float(2 * solution.cost)

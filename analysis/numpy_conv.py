"""A convolution in numpy, forward and backward (source 003_78c93f4ac3ae7ba4.txt, Problem 1).

The source's layer loops in Python and took 18.5 s where torch took 0.0016 s. Here strides lay out
the windows of the input (im2col), and BLAS multiplies them with the weights.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from trainables.shapes import check_whole, side

Array = NDArray[np.floating[Any]]


@dataclass
class Conv2d:
    """A convolution without bias (a cross-correlation, as in torch).

    Attributes:
        weight: (filters, channels, kernel, kernel).
        stride: pixels between windows, 1 or more.
        padding: zeros on each side of the input, 0 or more.
        dLdW: gradient of the loss by the weights, of the same shape; set by ``backward``.

    Raises:
        UsageError: stride or padding is out of range, or the kernel is not square.
    """

    weight: Array
    stride: int = 1
    padding: int = 0
    dLdW: Array | None = field(default=None, init=False)
    _windows: Array | None = field(default=None, init=False, repr=False)
    _shape: tuple[int, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        check_whole("numpy_conv: stride", self.stride, 1, 1 << 20)
        check_whole("numpy_conv: padding", self.padding, 0, 1 << 20)
        if self.weight.ndim != 4:
            raise ValueError(f"weight has shape {self.weight.shape}, not (filters, channels, k, k)")
        height, width = self.weight.shape[2:]
        check_whole(f"numpy_conv: kernel width for a height of {height}", width, height, height)

    def forward(self, images: Array) -> Array:
        """Convolve images (N, channels, H, W); the output (N, filters, H', W') has their type.

        H' is (H + 2 padding - kernel) // stride + 1, and W' likewise.

        Raises:
            UsageError: the kernel is larger than the padded images.
            ValueError: the images and the weights differ in their number of channels.
        """
        filters, channels, kernel, _ = self.weight.shape
        if images.ndim != 4 or images.shape[1] != channels:
            raise ValueError(f"images have shape {images.shape}, not (N, {channels}, H, W)")
        height, width = (
            side("numpy_conv", size, kernel, self.stride, self.padding) for size in images.shape[2:]
        )
        self._shape, self._windows = images.shape, self._laid_out(images)
        out = self.weight.reshape(filters, -1) @ self._windows
        return out.reshape(len(images), filters, height, width)

    def backward(self, gradient: Array) -> Array:
        """Gradient of the loss by the images, (N, channels, H, W); sets ``dLdW``.

        Args:
            gradient: gradient of the loss by the output of the last ``forward``, of its shape.

        Raises:
            RuntimeError: ``forward`` was not called before.
        """
        if self._windows is None:
            raise RuntimeError("backward needs a forward before it")
        filters = len(self.weight)
        flat = gradient.reshape(len(gradient), filters, -1)
        # One product over images and places together, rather than a sum of N small ones.
        by_filter = flat.transpose(1, 0, 2).reshape(filters, -1)
        by_place = self._windows.transpose(0, 2, 1).reshape(-1, self._windows.shape[1])
        self.dLdW = (by_filter @ by_place).reshape(self.weight.shape)
        windows = self.weight.reshape(filters, -1).T @ flat
        return self._put_back(windows, gradient.shape[2:])

    def _laid_out(self, images: Array) -> Array:
        """Every window as a column, (N, channels * kernel * kernel, H' * W')."""
        pad, kernel = self.padding, self.weight.shape[2]
        padded = np.pad(images, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        windows = sliding_window_view(padded, (kernel, kernel), axis=(2, 3))
        windows = windows[:, :, :: self.stride, :: self.stride]
        # Rows of the output stay together in memory, so that the copy runs along them.
        columns = windows.transpose(0, 1, 4, 5, 2, 3)
        return columns.reshape(len(images), -1, columns.shape[4] * columns.shape[5])

    def _put_back(self, windows: Array, places: tuple[int, ...]) -> Array:
        """Add all windows up at their places: the transpose of ``_laid_out``."""
        count, channels, rows, columns = self._shape
        kernel, step, pad = self.weight.shape[2], self.stride, self.padding
        parts = windows.reshape(count, channels, kernel, kernel, *places)
        padded = np.zeros((count, channels, rows + 2 * pad, columns + 2 * pad), windows.dtype)
        for y in range(kernel):
            for x in range(kernel):
                down, right = y + step * places[0], x + step * places[1]
                padded[:, :, y:down:step, x:right:step] += parts[:, :, y, x]
        return padded[:, :, pad : pad + rows, pad : pad + columns]

"""Grids of small images on one figure."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from analysis.look import TEXT


def image_grid(
    count: int, columns: int, size: float = 1.6, words: float = 0.3
) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` panels for images, without ticks, each ``size`` inches wide.

    Each panel has ``words`` inches for the text above and below it.
    """
    rows = -(-count // columns)
    figure = Figure(figsize=(size * columns, (size + words) * rows), layout="constrained")
    panels = [figure.add_subplot(rows, columns, place + 1) for place in range(count)]
    for axes in panels:
        bare(axes)
    return figure, panels


def bare(axes: Axes) -> None:
    """Remove the ticks of a panel that shows an image; its frame stays."""
    axes.set_xticks([])
    axes.set_yticks([])


def show(axes: Axes, image: NDArray[np.generic], title: str, **style: Any) -> AxesImage:
    """Draw an image without ticks under its title; ``style`` goes to ``imshow``."""
    bare(axes)
    axes.set_title(title, fontsize=TEXT)
    return axes.imshow(image, **style)


def visible(images: NDArray[np.generic]) -> NDArray[np.generic]:
    """Images (..., H, W, C) as (..., H, W, 3); matplotlib would colour a single channel."""
    return np.broadcast_to(images, (*images.shape[:-1], 3))


def mosaic(images: Iterable[NDArray[np.generic]], columns: int) -> NDArray[np.generic]:
    """Join images (H, W) or (H, W, 3) of one shape and type into one array, row by row.

    One image draws in a fraction of the time of hundreds of panels. The gaps are one pixel wide
    and white: 255 if the images are uint8, else NaN.
    """
    tiles = list(images)
    height, width = tiles[0].shape[:2]
    rows = -(-len(tiles) // columns)
    blank = 255 if tiles[0].dtype == np.uint8 else np.nan
    shape = (rows * (height + 1) - 1, columns * (width + 1) - 1, *tiles[0].shape[2:])
    canvas = np.full(shape, blank, dtype=tiles[0].dtype)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        top, left = row * (height + 1), column * (width + 1)
        canvas[top : top + height, left : left + width] = tile
    return canvas

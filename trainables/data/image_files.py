"""PNG and JPEG files as square RGB arrays of one size.

Images that are all square and of one size stay as they are. Others, and all where a size is asked
for, are resized to a square: both sides by Pillow's bilinear filter, which averages where it
shrinks, each by its own factor. Nothing is cut off, so that what lies in a corner stays there. A
photograph whose camera noted how it was held is turned upright first.
"""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trainables.boundary.errors import UsageError
from trainables.data.dataset import Images

if TYPE_CHECKING:
    from PIL import Image

EXTENSIONS = (".png", ".jpg", ".jpeg")
FORMATS = ("PNG", "JPEG")  # no other decoder of Pillow's, some of which start programs
MOST_PIXELS = 10_000  # a side, of a file
LARGEST = 1024  # a side, of the images that are trained on
DEFAULT_SIZE = 32  # of images of unequal sizes
# 16- and 32-bit greys clip or wrap when PIL makes RGB of them, so they are refused.
RGB_CONVERTIBLE = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}


def is_image(path: Path) -> bool:
    """By its name; hidden files, such as macOS puts into archives, are none."""
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")


def common_size(paths: Iterable[Path]) -> int:
    """The side of the images if all are square and of one size, else ``DEFAULT_SIZE``.

    Raises:
        UsageError: an image does not decode, or all are larger than ``LARGEST``.
    """
    first: tuple[int, int] | None = None
    for path in paths:
        size = _opened(path, pixels=False).size
        if size[0] != size[1] or (first or size) != size:
            return DEFAULT_SIZE
        first = size
    side = first[0] if first else DEFAULT_SIZE
    if side > LARGEST:
        raise UsageError(
            f"the images are of {side}x{side} pixels, at most {LARGEST} a side are trained on; "
            "give data.image_size in the space"
        )
    return side


def decode(path: Path, size: int) -> Images:
    """The image as (size, size, 3), uint8.

    Raises:
        UsageError: it does not decode, or is not RGB-convertible.
    """
    from PIL import Image  # what trains on other sets does without it

    image = _upright(_opened(path, pixels=True)).convert("RGB")
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _opened(path: Path, *, pixels: bool) -> "Image.Image":
    """The image, its header checked, with its ``pixels`` decoded or not."""
    from PIL import Image

    if not path.is_file():  # to open a pipe would wait for ever
        raise UsageError(f"{path} is no file, or a link to none; replace or delete it")
    try:
        with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):
            opened = Image.open(path, formats=FORMATS)  # reads the header; its size is checked next
        with opened as image:
            _check_header(path, image)
            if pixels:
                image.load()
    except UsageError:
        raise
    except Exception as error:  # Pillow lets through whatever Python raises for damaged bytes
        raise UsageError(f"{path} does not decode as PNG or JPEG; replace or delete it") from error
    return image


def _upright(image: "Image.Image") -> "Image.Image":
    """As viewers show it: turned as its EXIF says, left as it is if that is damaged."""
    from PIL import ImageOps

    try:
        with warnings.catch_warnings(action="ignore"):
            return ImageOps.exif_transpose(image)
    except Exception:  # Pillow lets through whatever Python raises for damaged bytes
        return image


def _check_header(path: Path, image: "Image.Image") -> None:
    """What can be told before the pixels are decoded, however many they are."""
    if max(image.size) > MOST_PIXELS:
        raise UsageError(
            f"{path} is {image.width}x{image.height} pixels; at most {MOST_PIXELS} a side are read"
        )
    if image.format == "PNG" and getattr(image, "is_animated", False):
        raise UsageError(f"{path} is animated; save the frame that is meant")
    if image.mode not in RGB_CONVERTIBLE:
        raise UsageError(
            f"{path} has mode {image.mode}, which is not RGB-convertible; save it as RGB"
        )

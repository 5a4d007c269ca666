"""Image files of any format that Pillow decodes, as square RGB arrays of one size.

Images that are all square and of one size stay as they are. Others, and all where a size is asked
for, are resized to a square: both sides by Pillow's bilinear filter, which averages where it
shrinks, each by its own factor. Nothing is cut off, so that what lies in a corner stays there. A
photograph whose camera noted how it was held is turned upright first.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trainables.boundary.errors import UsageError, some
from trainables.data.dataset import Images

if TYPE_CHECKING:
    from PIL import Image

# Tried on a file of any image's extension: their first bytes are unmistakable.
_BY_CONTENT = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000")
# Tried on a file of their own extension alone. Pillow's other decoders are left out: EPS and WMF
# start programs or run drawing commands, IPTC opens whatever it holds by any decoder, and BUFR,
# GRIB, HDF5 and MPEG have no pixels. A decoder that Pillow adds is not trusted unseen either.
_BY_EXTENSION = (
    *("BLP", "CUR", "DCX", "DDS", "DIB", "FITS", "FLI", "FTEX", "GBR", "ICNS", "ICO", "IM", "MSP"),
    *("PCD", "PCX", "PIXAR", "PPM", "PSD", "QOI", "SGI", "SUN", "TGA", "XBM", "XPM"),
)
_ONE_PICTURE = ("MPO", "PSD")  # the other frames are a camera's second view, and layers
MOST_PIXELS = 10_000  # a side, of a file
LARGEST = 1024  # a side, of the images that are trained on
DEFAULT_SIZE = 32  # of images of unequal sizes
DEEP_GREY = {"I;16", "I;16L", "I;16B", "I;16N"}  # of which the upper eight bits are taken
# 32-bit greys have no range that is known, so they are refused.
RGB_CONVERTIBLE = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}


class UnreadableImage(UsageError):
    """An image file that is not read.

    Args:
        path: of the file.
        fault: what is wrong with it, a verb first.
        remedy: what to do about it.
    """

    def __init__(self, path: Path, fault: str, remedy: str = "") -> None:
        super().__init__(f"{path} {fault}" + (f"; {remedy}" if remedy else ""))
        self.path, self.fault = path, fault


def refuse(faults: Sequence[UnreadableImage], root: Path, total: int) -> None:
    """Raise a UsageError that names what is wrong with the images, of ``total``, if any are."""
    if len(faults) == 1:
        raise UsageError(str(faults[0]))  # which another process can read, too
    if faults:
        named = defaultdict(list)
        for each in faults:
            named[each.fault].append(each.path.relative_to(root).as_posix())
        what = "; ".join(f"{fault}: {some(names)}" for fault, names in list(named.items())[:3])
        more = f"; and {len(named) - 3} other faults" if len(named) > 3 else ""
        raise UsageError(
            f"{len(faults):,} of {total:,} images in {root} cannot be read ({what}{more}); "
            "replace or delete them"
        )


@cache
def _formats() -> dict[str, str]:
    """The format of every extension that an image can have."""
    from PIL import Image  # what trains on other sets does without it

    allowed = {*_BY_CONTENT, *_BY_EXTENSION, "MPO"}  # MPO is JPEG with a second view
    found = Image.registered_extensions().items()
    return {extension: name for extension, name in found if name in allowed}


def _decoders(path: Path) -> list[str]:
    """The formats that are tried on a file; some may be missing from this Pillow."""
    from PIL import Image

    own = _formats().get(_extension(path.name), "")
    formats = (own, *_BY_CONTENT) if own in _BY_EXTENSION else _BY_CONTENT
    return [name for name in formats if name in Image.OPEN]


def is_image(name: str) -> bool:
    """Whether a file of this name is an image: by its extension, in upper or lower case."""
    return _extension(name) in _formats()


def _extension(name: str) -> str:
    _, dot, extension = name.rpartition(".")
    return f"{dot}{extension.lower()}"


def common_size(paths: Iterable[Path]) -> int:
    """The side of the images if all are square and of one size, else ``DEFAULT_SIZE``.

    Images that are not read have no say in it.

    Raises:
        UsageError: all are larger than ``LARGEST``.
    """
    first: tuple[int, int] | None = None
    for path in paths:
        try:
            size = _opened(path, pixels=False).size
        except UnreadableImage:
            continue
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
        UnreadableImage: it does not decode, or is not RGB-convertible.
    """
    from PIL import Image

    with warnings.catch_warnings(action="ignore"):  # of damaged notes, and of transparency
        image = _upright(_opened(path, pixels=True))
        if image.mode in DEEP_GREY:  # Pillow would clip them
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        image = image.convert("RGB")
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _opened(path: Path, *, pixels: bool) -> "Image.Image":
    """The image, its header checked, with its ``pixels`` decoded or not."""
    from PIL import Image

    if not path.is_file():  # to open a pipe would wait for ever
        raise UnreadableImage(path, "is no file, or a link to none", "replace or delete it")
    try:
        with warnings.catch_warnings(action="ignore"):  # of sizes, which are checked next
            opened = Image.open(path, formats=_decoders(path))  # reads the header
        with opened as image:
            _check_header(path, image)
            if pixels:
                image.load()
    except UsageError:
        raise
    except Exception as error:  # Pillow lets through whatever Python raises for damaged bytes
        fault = "does not decode as an image"
        raise UnreadableImage(path, fault, "replace or delete it") from error
    return image


def _upright(image: "Image.Image") -> "Image.Image":
    """As viewers show it: turned as its EXIF says, left as it is if that is damaged."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow lets through whatever Python raises for damaged bytes
        return image


def _check_header(path: Path, image: "Image.Image") -> None:
    """What can be told before the pixels are decoded, however many they are."""
    if max(image.size) > MOST_PIXELS:
        size = f"{image.width}x{image.height}"
        raise UnreadableImage(path, f"is {size} pixels; at most {MOST_PIXELS} a side are read")
    if image.format not in _ONE_PICTURE and getattr(image, "is_animated", False):
        raise UnreadableImage(
            path, "is animated or has several pages", "save the one that is meant"
        )
    if image.mode not in RGB_CONVERTIBLE | DEEP_GREY:
        raise UnreadableImage(
            path, f"has mode {image.mode}, which is not RGB-convertible", "save it as RGB"
        )

"""Image files of any format that Pillow decodes, as RGB or grey arrays of one size.

Images that are all of one size stay as they are. Others, and all where a size is asked for, are
resized by Pillow's bilinear filter, which averages where it shrinks: to ``stretch`` gives each side
its own factor, to ``pad`` both the same, with black bars of equal width on both sides of the image.
Nothing is cut off. A photograph whose camera noted how it was held is turned upright first.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from trainables.boundary.errors import UsageError, some
from trainables.data.dataset import Images
from trainables.shapes import ImageShape

if TYPE_CHECKING:
    from PIL import Image

Fit = Literal["stretch", "pad"]
_ON_THEIR_SIDE = (5, 6, 7, 8)  # of EXIF's orientations
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


def common_size(paths: Iterable[Path], *, square: bool = False) -> tuple[int, int]:
    """Height and width of the images if they are the same of all, else twice ``DEFAULT_SIZE``.

    Images that are not read have no say in it.

    Args:
        paths: of the images.
        square: whether images that are not square count as of unequal sizes.

    Raises:
        UsageError: all are larger than ``LARGEST``.
    """
    first: tuple[int, int] | None = None
    for path in paths:
        try:
            size = _shown_size(path)
        except UnreadableImage:
            continue
        if (square and size[0] != size[1]) or (first or size) != size:
            return DEFAULT_SIZE, DEFAULT_SIZE
        first = size
    height, width = first or (DEFAULT_SIZE, DEFAULT_SIZE)
    if max(height, width) > LARGEST:
        raise UsageError(
            f"the images are of {height}x{width} pixels, at most {LARGEST} a side are trained on; "
            "give data.size in the space"
        )
    return height, width


def _shown_size(path: Path) -> tuple[int, int]:
    """Height and width of an image as viewers show it."""
    image = _opened(path, pixels=False)
    return (image.width, image.height) if _lies(image) else (image.height, image.width)


def _lies(image: "Image.Image") -> bool:
    """Whether it lies on its side, by its EXIF."""
    from PIL import ExifTags, Image

    if image.width == image.height:
        return False
    try:  # of PNG without its pixels, which its own method would decode
        return Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1) in _ON_THEIR_SIDE
    except Exception:  # Pillow lets through whatever Python raises for damaged bytes
        return False


def decode(path: Path, shape: ImageShape, fit: Fit = "stretch") -> Images:
    """The image as an array of ``shape``, uint8.

    Raises:
        UnreadableImage: it does not decode, or is not RGB-convertible.
    """
    with warnings.catch_warnings(action="ignore"):  # of damaged notes, and of transparency
        return fitted(_opened(path, pixels=True), shape, fit)


def fitted(image: "Image.Image", shape: ImageShape, fit: Fit = "stretch") -> Images:
    """An image as it is trained on, (height, width, channels), uint8.

    Args:
        image: of a mode that is RGB-convertible. An alpha channel is left out.
        shape: height, width and channels; of one channel are the colours' luminances (ITU-R 601).
        fit: ``stretch`` gives each side its own factor, ``pad`` keeps the ratio of the sides and
            fills the rest of the canvas, in whose middle the image is, with black.
    """
    from PIL import Image

    height, width, channels = shape
    image = _upright(image)
    if image.mode in DEEP_GREY:  # Pillow would clip them
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image = image.convert("RGB")
    if channels == 1:  # a grey of three equal colours is the same grey
        image = image.convert("L")
    inner = (width, height) if fit == "stretch" else _inside(image.size, (width, height))
    if image.size != inner:
        image = image.resize(inner, Image.Resampling.BILINEAR)
    if inner != (width, height):
        canvas = Image.new(image.mode, (width, height))
        canvas.paste(image, ((width - inner[0]) // 2, (height - inner[1]) // 2))
        image = canvas
    return np.asarray(image).reshape(shape)


def _inside(size: tuple[int, int], canvas: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the same ratio in the canvas, of a pixel or more a side."""
    factor = min(canvas[0] / size[0], canvas[1] / size[1])
    width, height = (
        min(most, max(1, round(factor * pixels))) for pixels, most in zip(size, canvas, strict=True)
    )
    return width, height


def _opened(path: Path, *, pixels: bool) -> "Image.Image":
    """The image, its header checked, with its ``pixels`` decoded or not."""
    from PIL import Image

    try:
        if not path.is_file():  # to open a pipe would wait for ever
            raise UnreadableImage(path, "is no file, or a link to none", "replace or delete it")
        with warnings.catch_warnings(action="ignore"):  # of sizes, which are checked next
            opened = Image.open(path, formats=_decoders(path))  # reads the header
        with opened as image:
            _check_header(path, image)
            if pixels:
                image.load()
    except UsageError:
        raise
    except PermissionError as error:
        raise UnreadableImage(path, f"cannot be read ({error.strerror})") from error
    except Image.DecompressionBombError as error:  # Pillow's own bound, which is above ours
        fault = f"has more than {MOST_PIXELS} pixels a side"
        raise UnreadableImage(path, fault) from error
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

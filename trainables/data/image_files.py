"""Read image files of any format that Pillow decodes, as RGB or grey arrays of one size.

Images that all have one size stay unchanged. Otherwise, or if a size is given, they are resized by
Pillow's bilinear filter, which averages when it shrinks. ``stretch`` scales each side separately;
``pad`` scales both sides alike and adds black bars of equal width on both sides of the image.
Nothing is cropped. A photograph is first turned upright if its EXIF has an orientation.
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
_ON_THEIR_SIDE = (5, 6, 7, 8)  # EXIF orientations that exchange height and width
# Tried on every image file, as their first bytes are unmistakable.
_BY_CONTENT = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000")
# Tried only on files with their own extension. Pillow's other decoders are left out: EPS and WMF
# start programs or run drawing commands, IPTC opens its content by any decoder, and BUFR, GRIB,
# HDF5 and MPEG have no pixels. Decoders that Pillow may add later are not trusted either.
_BY_EXTENSION = (
    *("BLP", "CUR", "DCX", "DDS", "DIB", "FITS", "FLI", "FTEX", "GBR", "ICNS", "ICO", "IM", "MSP"),
    *("PCD", "PCX", "PIXAR", "PPM", "PSD", "QOI", "SGI", "SUN", "TGA", "XBM", "XPM"),
)
_ONE_PICTURE = ("MPO", "PSD")  # the other frames are a camera's second view, and layers
MOST_PIXELS = 10_000  # a side of a file
LARGEST = 1024  # a side of the images that are trained on
DEFAULT_SIZE = 32  # a side, for images of unequal sizes
DEEP_GREY = {"I;16", "I;16L", "I;16B", "I;16N"}  # their upper eight bits are used
# 32-bit greys have no known range, so they are refused.
RGB_CONVERTIBLE = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}


class UnreadableImage(UsageError):
    """An image file cannot be read.

    Args:
        path: the file.
        fault: the error, beginning with a verb.
        remedy: the advice to the user.
    """

    def __init__(self, path: Path, fault: str, remedy: str = "") -> None:
        super().__init__(f"{path} {fault}" + (f"; {remedy}" if remedy else ""))
        self.path, self.fault = path, fault


def refuse(faults: Sequence[UnreadableImage], root: Path, total: int) -> None:
    """Raise a UsageError that summarises ``faults``, if there are any, among ``total`` images."""
    if len(faults) == 1:
        raise UsageError(str(faults[0]))  # an error that can be pickled for another process
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
    """The format of every extension of image files."""
    from PIL import Image  # not needed for other sets

    allowed = {*_BY_CONTENT, *_BY_EXTENSION, "MPO"}  # MPO is JPEG with a second view
    found = Image.registered_extensions().items()
    return {extension: name for extension, name in found if name in allowed}


def _decoders(path: Path) -> list[str]:
    """The formats to try on a file, without those that this Pillow lacks."""
    from PIL import Image

    own = _formats().get(_extension(path.name), "")
    formats = (own, *_BY_CONTENT) if own in _BY_EXTENSION else _BY_CONTENT
    return [name for name in formats if name in Image.OPEN]


def is_image(name: str) -> bool:
    """Whether a file of this name is an image, by its extension in upper or lower case."""
    return _extension(name) in _formats()


def _extension(name: str) -> str:
    _, dot, extension = name.rpartition(".")
    return f"{dot}{extension.lower()}"


def common_size(paths: Iterable[Path], *, square: bool = False) -> tuple[int, int]:
    """The common height and width of the images, or ``DEFAULT_SIZE`` squared if sizes differ.

    Images that cannot be read are ignored.

    Args:
        paths: the image files.
        square: whether images that are not square count as differing.

    Raises:
        UsageError: the common size is larger than ``LARGEST``.
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
            f"the images have {height}x{width} pixels, and training takes at most {LARGEST} a "
            "side; give data.size in the space"
        )
    return height, width


def _shown_size(path: Path) -> tuple[int, int]:
    """Height and width of an image as viewers show it."""
    image = _opened(path, pixels=False)
    return (image.width, image.height) if _lies(image) else (image.height, image.width)


def _lies(image: "Image.Image") -> bool:
    """Whether the image lies on its side, by its EXIF."""
    from PIL import ExifTags, Image

    if image.width == image.height:
        return False
    try:  # PNG's own getexif would decode the pixels
        return Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1) in _ON_THEIR_SIDE
    except Exception:  # Pillow raises many kinds for damaged bytes
        return False


def decode(path: Path, shape: ImageShape, fit: Fit = "stretch") -> Images:
    """Read an image file as an array of ``shape``, uint8.

    Raises:
        UnreadableImage: it cannot be decoded or converted to RGB.
    """
    with warnings.catch_warnings(action="ignore"):  # about damaged metadata and transparency
        return fitted(_opened(path, pixels=True), shape, fit)


def fitted(image: "Image.Image", shape: ImageShape, fit: Fit = "stretch") -> Images:
    """Convert an image to the form for training, (height, width, channels), uint8.

    Args:
        image: has a mode that can be converted to RGB. An alpha channel is dropped.
        shape: height, width and channels; one channel holds the colours' luminance (ITU-R 601).
        fit: ``stretch`` scales each side separately; ``pad`` keeps the aspect ratio, centres the
            image and fills the rest with black.
    """
    from PIL import Image

    height, width, channels = shape
    image = _upright(image)
    if image.mode in DEEP_GREY:  # Pillow would clip the levels
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    image = image.convert("RGB")
    if channels == 1:  # three equal colours become the same grey
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
    """The largest size of the same aspect ratio inside the canvas, at least one pixel a side."""
    factor = min(canvas[0] / size[0], canvas[1] / size[1])
    width, height = (
        min(most, max(1, round(factor * pixels))) for pixels, most in zip(size, canvas, strict=True)
    )
    return width, height


def _opened(path: Path, *, pixels: bool) -> "Image.Image":
    """Open an image and check its header; decode the pixels if ``pixels`` is true."""
    from PIL import Image

    try:
        if not path.is_file():  # opening a pipe would wait for ever
            raise UnreadableImage(path, "is not a file, or a broken link", "replace or delete it")
        with warnings.catch_warnings(action="ignore"):  # about sizes, which are checked next
            opened = Image.open(path, formats=_decoders(path))  # reads the header
        with opened as image:
            _check_header(path, image)
            if pixels:
                image.load()
    except UsageError:
        raise
    except PermissionError as error:
        raise UnreadableImage(path, f"cannot be read ({error.strerror})") from error
    except Image.DecompressionBombError as error:  # Pillow's own limit is above ours
        fault = f"has more than {MOST_PIXELS} pixels a side"
        raise UnreadableImage(path, fault) from error
    except Exception as error:  # Pillow raises many kinds for damaged bytes
        fault = "does not decode as an image"
        raise UnreadableImage(path, fault, "replace or delete it") from error
    return image


def _upright(image: "Image.Image") -> "Image.Image":
    """Turn the image by its EXIF orientation, as viewers do, unless the EXIF is damaged."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow raises many kinds for damaged bytes
        return image


def _check_header(path: Path, image: "Image.Image") -> None:
    """Raise UnreadableImage for errors that are visible before the pixels are decoded."""
    if max(image.size) > MOST_PIXELS:
        size = f"{image.width}x{image.height}"
        raise UnreadableImage(path, f"is {size} pixels; at most {MOST_PIXELS} a side are read")
    if image.format not in _ONE_PICTURE and getattr(image, "is_animated", False):
        raise UnreadableImage(
            path, "is animated or has several pages", "save the picture that you mean"
        )
    if image.mode not in RGB_CONVERTIBLE | DEEP_GREY:
        raise UnreadableImage(
            path, f"has mode {image.mode}, which cannot be converted to RGB", "save it as RGB"
        )

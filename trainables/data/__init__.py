"""Data sets by name and place: ``load(DataSpec("composite"), "embedded" or a folder)``."""

import os
import reprlib
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.boundary.validation import validated
from trainables.data import cifar, composite, embedded
from trainables.data.cache import cached
from trainables.data.dataset import Dataset, Split, statistics
from trainables.data.digit_reader import VERSION as READER
from trainables.data.digit_reader import is_composite, with_read_digits
from trainables.data.folder import (
    VAL_SHARE,
    ImageForm,
    Listing,
    is_image_folder,
    list_folder,
    read_folder,
    with_shortcut,
)
from trainables.data.image_files import LARGEST, Fit
from trainables.data.shortcut import Shortcut
from trainables.shapes import ImageShape

__all__ = [
    "EMBEDDED",
    "UNNAMED",
    "DataSpec",
    "Dataset",
    "Split",
    "UsageError",
    "left_out",
    "load",
    "resolve",
]

EMBEDDED = "embedded"
UNNAMED = "$CONVOY_DATA, else ./data"  # the default place of data, as ``resolve`` implements it
SetName = Literal["composite", "cifar10"]
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")
_FORM = ("size", "fit", "channels", "image_size")  # the keys of a folder's images
_GREY = "all images are grey; channels: 1 in the space's data reads them as grey"
_SMALLEST = 4  # least size in pixels a side
_VERSION = 2  # a new version of the construction rebuilds every cached set


def _square_size(pixels: int | None) -> int | None:
    if pixels and not _SMALLEST <= pixels <= LARGEST:
        raise ValueError(
            f"must be between {_SMALLEST} and {LARGEST}, or 0 for the images' own, not {pixels}"
        )
    return pixels


def _size(written: Any) -> Any:
    """Height and width, one number for both, or 0."""
    sides = list(written) if isinstance(written, list | tuple) else [written, written]
    if all(type(side) is int for side in sides) and len(sides) == 2:
        if sides == [0, 0] and written == 0:
            return 0
        if all(_SMALLEST <= side <= LARGEST for side in sides):
            return sides[0] if sides[0] == sides[1] else tuple(sides)
    raise ValueError(
        f"must be [height, width] or one number for both, each a whole number between {_SMALLEST} "
        f"and {LARGEST}, or 0 for the images' own, not {reprlib.repr(written)}"
    )


def _channels(written: Any) -> Any:
    if type(written) is not int or written not in (1, 3):
        raise ValueError(f"must be 3, or 1 for grey, not {reprlib.repr(written)}")
    return written


_SIDE = {"type": "integer", "minimum": _SMALLEST, "maximum": LARGEST}
_SIZE = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": LARGEST},
        {"type": "array", "items": _SIDE, "minItems": 2, "maxItems": 2},
    ]
}


@validated
class DataSpec:
    """The data set that a space trains on.

    Attributes:
        set: ``composite`` (picture and digit) or ``cifar10`` (picture alone).
        val: number of validation images, taken from CIFAR-10's 50,000 training images.
        seed: seed for the splits and the digits; it belongs to the data, not to a search.
        forced: share of the training images whose digit is forced to the label.
        val_alignment: share of the validation images whose digit agrees with the label; .1 is
            chance, which an unbiased choice needs. The test images are always at chance.
        size: ``[height, width]`` of a folder's images in pixels, or one number for both; 0 leaves
            images of one common size unchanged, and resizes others to 32x32.
        fit: how an image of another size is resized: ``stretch`` scales each side separately;
            ``pad`` keeps the aspect ratio and centres the image between black bars.
        channels: 3 for colour, 1 for grey; colours become grey by their luminance.
        image_size: older name of ``size``, for squares alone; 0 also resizes images of one size
            that are not square to 32x32.
        val_share: share of a folder's training images used for validation if it has no ``val``.
        shortcut: the spurious attribute of a folder's images, if known.

    A folder of images uses only ``size``, ``fit``, ``channels``, ``val_share``, ``seed`` and
    ``shortcut``. The first three are for folders alone.
    """

    set: SetName = "composite"
    val: Annotated[int, Field(ge=100, le=49_000)] = 5000  # fewer would lack a digit
    seed: Annotated[int, Field(ge=0)] = 0
    forced: Annotated[float, Field(ge=0, le=1)] = composite.FORCED_IN_TRAINING
    val_alignment: Annotated[float, Field(ge=composite.CHANCE, le=1)] = composite.CHANCE
    size: Annotated[int | tuple[int, int], BeforeValidator(_size), WithJsonSchema(_SIZE)] = 0
    fit: Fit = "stretch"
    channels: Annotated[Literal[3, 1], BeforeValidator(_channels)] = 3
    image_size: Annotated[int | None, AfterValidator(_square_size)] = None
    val_share: Annotated[float, Field(gt=0, le=0.9)] = VAL_SHARE
    shortcut: Shortcut | None = None

    def __post_init__(self) -> None:
        if self.size and self.image_size is not None:
            raise ValueError("image_size is the older name of size; give only size")

    @property
    def form(self) -> ImageForm:
        """The form into which a folder's images are converted."""
        size = self.size or self.image_size
        sides = (size, size) if isinstance(size, int) else size
        square = self.image_size is not None
        return ImageForm(sides if size else None, square, self.fit, self.channels)

    def described(self) -> dict[str, Any]:
        """Its keys and values, without keys that older records lack and that have their default."""
        silent = {"fit": "stretch", "channels": 3, "image_size": None}
        silent |= {"size": 0} if self.image_size is not None else {}
        written = asdict(self).items()
        return {key: value for key, value in written if key not in silent or value != silent[key]}

    @property
    def noun(self) -> str:
        """The name in texts of the shortcut that the images may show."""
        return "digit" if self.shortcut is None else self.shortcut.noun


def resolve(written: str | None) -> str:
    """The place of the data, ``embedded`` or an absolute folder; ``UNNAMED`` is the default.

    Raises:
        UsageError: it is a file, or the named folder does not exist. Only the default ``./data``
            may be missing.
    """
    named = written or os.environ.get("CONVOY_DATA")
    if named == EMBEDDED:
        return EMBEDDED
    folder = user_path(named or "data", "--data")
    if folder.is_file():
        archive = folder.suffix.lower() in _ARCHIVES
        remedy = "unpack it and give the folder" if archive else "give the folder of the images"
        raise UsageError(f"--data {folder} is {'an archive' if archive else 'a file'}; {remedy}")
    if named and not folder.is_dir():
        raise UsageError(
            f"data folder {folder} does not exist; correct the path, create the folder to download "
            "CIFAR-10 and MNIST into it, or use --data embedded"
        )
    return str(folder)


def load(spec: DataSpec, source: str) -> Dataset:
    """Load the set ``spec`` from ``source`` (``embedded`` or a folder), memory-mapped.

    Raises:
        UsageError: the folder's files are missing, damaged or not in the expected form.
    """
    try:
        return _load(spec, source)
    except OSError as error:
        raise UsageError(
            f"--data {source} cannot be read ({error.filename}: {error.strerror})"
        ) from error


def left_out(spec: DataSpec, source: str) -> str:
    """A line on the files of a folder that ``load`` leaves out; empty if there are none.

    Raises:
        UsageError: as in ``load``; but no image is opened here.
    """
    if source == EMBEDDED or not is_image_folder(Path(source)):
        return ""
    return _listed(spec, Path(source)).left_out_line()


def _load(spec: DataSpec, source: str) -> Dataset:
    root = Path(source)
    if source != EMBEDDED and is_image_folder(root):
        return _load_folder(spec, root)
    _check_formless(spec, source)
    described = replace(spec, image_size=spec.image_size or 0).described()
    recipe: dict[str, Any] = {"set": spec.set, "version": _VERSION, "spec": described}
    if source == EMBEDDED:
        return cached({**recipe, "source": EMBEDDED}, partial(_build_embedded, spec))
    names = [*cifar.CIFAR_FILES, *(cifar.MNIST_FILES if spec.set == "composite" else ())]
    build = _build_composite if spec.set == "composite" else _build_cifar10
    files = [root / name for name in names]
    stamps = _stamps(root, files)
    if any(size is None for _, size, _ in stamps):
        dataset = build(spec, root)  # downloads missing files, which only then have stamps
        return cached({**recipe, "files": _stamps(root, files)}, lambda: dataset)
    return cached({**recipe, "files": stamps}, partial(build, spec, root))


def _check_formless(spec: DataSpec, source: str) -> None:
    asked = [key for key in spec.described() if key in _FORM and getattr(spec, key)]
    if wrong := [key for key in asked if key != "image_size"]:
        raise UsageError(
            f"data.{wrong[0]} is only for a folder of your own images; the images of --data "
            f"{source} are square RGB images; leave {' and '.join(wrong)} out"
        )


def _listed(spec: DataSpec, root: Path) -> Listing:
    listing = list_folder(root, spec.val_share, spec.seed)
    return listing if spec.shortcut is None else with_shortcut(listing, spec.shortcut)


def _load_folder(spec: DataSpec, root: Path) -> Dataset:
    listing = _listed(spec, root)
    recipe = {
        "set": "folder",
        "version": _VERSION,
        "files": _stamps(root, listing.files()),
        "listing": listing.described(),
        "digits": None if listing.has_digits else READER,
        **{key: value for key, value in spec.described().items() if key in _FORM},
    }
    dataset = cached(recipe, partial(_build_folder, listing, spec.form))
    _check_region(spec.shortcut, dataset.image_shape)
    return dataset


def _build_folder(listing: Listing, form: ImageForm) -> Dataset:
    """Read the listed images; if no file has the digits of composite images, read them too."""
    dataset = read_folder(listing, form)
    if form.channels > 1 and all(map(_is_grey, dataset.splits.values())):
        dataset = replace(dataset, remark=_GREY)
    if listing.has_digits:
        return dataset
    own = (composite.CANVAS, composite.CANVAS)
    resized = dataset.image_shape != (*own, 3) and is_composite(listing.images()[0])
    return with_read_digits(dataset, read_folder(listing, ImageForm(own)) if resized else dataset)


def _is_grey(split: Split) -> bool:
    return all(bool((image == image[..., :1]).all()) for image in split.images)


def _check_region(shortcut: Shortcut | None, shape: ImageShape) -> None:
    region, (height, width, _) = None if shortcut is None else shortcut.region, shape
    if region is not None and (region[2] > height or region[3] > width):
        raise UsageError(
            f"shortcut.region {list(region)} reaches beyond the images of {height}x{width} pixels"
        )


def _stamps(root: Path, files: list[Path]) -> list[tuple[str, int | None, int | None]]:
    """Path, size and modification time of every file: a new or changed file gives another set."""
    stamps: list[tuple[str, int | None, int | None]] = []
    for file in files:
        stat = file.stat() if file.is_file() else None
        stamp = (stat.st_size, stat.st_mtime_ns) if stat else (None, None)
        stamps.append((str(file.relative_to(root)), *stamp))
    return stamps


def _build_cifar10(spec: DataSpec, root: Path) -> Dataset:
    train, val, test = _cifar_splits(spec, root)
    return Dataset("cifar10", cifar.CLASSES, cifar.MEAN, cifar.STD, train, val, test)


def _build_composite(spec: DataSpec, root: Path) -> Dataset:
    pictures = _cifar_splits(spec, root)
    mnist = cifar.read_mnist(root, train=True)
    rng = np.random.default_rng([spec.seed, 1])
    share = len(pictures[1]) / (len(pictures[0]) + len(pictures[1]))
    train, val = _divide(mnist, round(share * len(mnist)), rng)
    digits = (train, val, cifar.read_mnist(root, train=False))
    splits = _compose(spec, pictures, digits)
    return Dataset("composite", cifar.CLASSES, composite.MEAN, composite.STD, *splits)


def _build_embedded(spec: DataSpec) -> Dataset:
    rng = np.random.default_rng([spec.seed, 2])
    train, val, test = (embedded.draw_split(n, rng) for n in embedded.COUNTS.values())
    if spec.set == "composite":
        rest, last = _divide(embedded.handwritten_digits(), 400, rng)
        train, val, test = _compose(spec, (train, val, test), (*_divide(rest, 400, rng), last))
    mean, std = statistics(train.images)
    return Dataset(EMBEDDED, embedded.CLASSES, mean, std, train, val, test)


def _cifar_splits(spec: DataSpec, root: Path) -> tuple[Split, Split, Split]:
    train, val = _divide(
        cifar.read_cifar10(root, train=True), spec.val, np.random.default_rng([spec.seed, 0])
    )
    return train, val, cifar.read_cifar10(root, train=False)


def _divide(split: Split, last: int, rng: np.random.Generator) -> tuple[Split, Split]:
    """Shuffle ``split`` and divide it; the second part has ``last`` images."""
    order = rng.permutation(len(split))
    return split.take(order[:-last]), split.take(order[-last:])


def _compose(
    spec: DataSpec, pictures: tuple[Split, Split, Split], digits: tuple[Split, Split, Split]
) -> tuple[Split, Split, Split]:
    rng = np.random.default_rng([spec.seed, 3])
    shares = (spec.forced, composite.forced_share(spec.val_alignment), 0.0)
    train, val, test = (
        composite.compose(picture, digit, forced, rng)
        for picture, digit, forced in zip(pictures, digits, shares, strict=True)
    )
    return train, val, test

"""Read CIFAR-10 and MNIST with torchvision, and download them if they are missing.

torchvision is imported only to build a set: the import takes a second in every process, and trials
read the cache.
"""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from trainables.boundary.errors import UsageError
from trainables.data.dataset import Split

CIFAR_FILES = (
    *(f"cifar-10-batches-py/data_batch_{n}" for n in range(1, 6)),
    "cifar-10-batches-py/test_batch",
    "cifar-10-batches-py/batches.meta",
)
MNIST_FILES = tuple(
    f"MNIST/raw/{part}-ubyte"
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
)
_ARCHIVE = "cifar-10-python.tar.gz"
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def is_place_of_cifar(root: Path) -> bool:
    """Whether ``root`` has any of CIFAR-10's or MNIST's own files."""
    folders = {Path(file).parent for file in (*CIFAR_FILES, *MNIST_FILES)}
    return (root / _ARCHIVE).is_file() or any((root / folder).is_dir() for folder in folders)


def read_cifar10(root: Path, *, train: bool) -> Split:
    """CIFAR-10's training (50,000) or test (10,000) images, (N, 32, 32, 3).

    Raises:
        UsageError: the files are missing and cannot be downloaded, or are damaged.
    """
    from torchvision.datasets import CIFAR10

    data = _read(CIFAR10, root, train, CIFAR_FILES, "CIFAR-10")
    return Split(np.asarray(data.data), np.asarray(data.targets, dtype=np.int64))


def read_mnist(root: Path, *, train: bool) -> Split:
    """MNIST's training (60,000) or test (10,000) digits as grey images, (N, 28, 28).

    Raises:
        UsageError: the files are missing and cannot be downloaded, or are damaged.
    """
    from torchvision.datasets import MNIST

    data = _read(MNIST, root, train, MNIST_FILES, "MNIST")
    images, digits = data.data.numpy(), data.targets.numpy().astype(np.int64)
    count = 60_000 if train else 10_000
    if images.shape != (count, 28, 28) or digits.shape != (count,) or set(digits) - set(range(10)):
        raise _damaged("MNIST", root, MNIST_FILES, f"its files do not hold {count} digits")
    return Split(images, digits)


def _read(
    kind: Callable[..., Any], root: Path, train: bool, files: tuple[str, ...], name: str
) -> Any:
    if not all((root / file).is_file() for file in files):
        _download(kind, root, files, name)
    try:
        return kind(str(root), train=train, download=False)
    except Exception as error:  # torchvision raises several kinds for a damaged file
        raise _damaged(name, root, files, str(error)) from error


def _damaged(name: str, root: Path, files: tuple[str, ...], why: str) -> UsageError:
    return UsageError(
        f"{name} in {root} cannot be read ({why}); "
        f"delete {root / Path(files[0]).parts[0]} to download it again, or use --data embedded"
    )


def _download(kind: Callable[..., Any], root: Path, files: tuple[str, ...], name: str) -> None:
    """Download into a scratch folder and move it; a failed download leaves nothing behind."""
    folder = Path(files[0]).parts[0]
    nearest = root if root.is_dir() else root.parent
    try:
        with tempfile.TemporaryDirectory(dir=nearest, prefix=".convoy-download-") as scratch:
            kind(scratch, download=True)
            root.mkdir(exist_ok=True)
            shutil.rmtree(root / folder, ignore_errors=True)
            shutil.move(Path(scratch) / folder, root / folder)
    except (OSError, RuntimeError) as error:
        raise UsageError(
            f"{name} is not in {root} (looked for {', '.join(files)}) and its download failed "
            f"({error}); put the files there, or use --data embedded"
        ) from error

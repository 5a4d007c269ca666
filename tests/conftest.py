"""Fixtures that several tests share: a cache of their own, and one small search."""

import os
from pathlib import Path

import pytest

from trainables.data import Dataset, DataSpec, load
from trainables.data.cifar import CIFAR_FILES, MNIST_FILES


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Built sets of the tests do not mix with the user's."""
    os.environ["CONVOY_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def embedded() -> Dataset:
    return load(DataSpec("composite"), "embedded")


@pytest.fixture(scope="session")
def real_data() -> str:
    """Folder of CIFAR-10 and MNIST; tests that want it are skipped where there is none."""
    folder = Path(os.environ.get("CONVOY_DATA", "data")).resolve()
    if not all((folder / name).is_file() for name in (*CIFAR_FILES, *MNIST_FILES)):
        pytest.skip(f"no CIFAR-10 and MNIST in {folder}; set CONVOY_DATA")
    return str(folder)


@pytest.fixture(scope="session")
def composite(real_data: str) -> Dataset:
    return load(DataSpec("composite"), real_data)

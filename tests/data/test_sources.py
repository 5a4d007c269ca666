"""Where data come from: flag, environment, ./data, or a download that fails clearly."""

import pytest
import torchvision

from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load, resolve
from trainables.data import cifar as cifar_module


def test_the_flag_comes_before_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVOY_DATA", "/no/such")
    assert resolve(str(tmp_path)) == str(tmp_path)


def test_the_environment_comes_before_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CONVOY_DATA", str(tmp_path))
    assert resolve(None) == str(tmp_path)


def test_the_default_is_data_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("CONVOY_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert resolve(None) == str(tmp_path / "data")


def test_a_named_folder_that_is_absent_is_refused():
    with pytest.raises(UsageError, match="does not exist"):
        resolve("/no/such/folder")


class Unreachable:
    """torchvision's data set where there is no network."""

    def __init__(self, root, **_):
        raise OSError("no route to host")


@pytest.mark.parametrize(
    ("name", "read", "file"),
    [
        ("CIFAR10", cifar_module.read_cifar10, "cifar-10-batches-py/data_batch_1"),
        ("MNIST", cifar_module.read_mnist, "MNIST/raw/train-images-idx3-ubyte"),
    ],
)
def test_a_failed_download_names_folder_files_and_the_way_out(
    tmp_path, monkeypatch, name, read, file
):
    monkeypatch.setattr(torchvision.datasets, name, Unreachable)
    with pytest.raises(UsageError) as caught:
        read(tmp_path / "data", train=True)
    message = str(caught.value)
    assert str(tmp_path / "data") in message
    assert file in message
    assert "--data embedded" in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_are_refused(tmp_path):
    for name in cifar_module.CIFAR_FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(UsageError, match="cannot be read"):
        load(DataSpec("cifar10"), str(tmp_path))


def test_real_cifar_is_split_as_asked(real_data):
    data = load(DataSpec("cifar10", val=10_000), real_data)
    assert [len(split) for split in data.splits.values()] == [40_000, 10_000, 10_000]
    assert data.image_shape == (32, 32, 3)
    assert not data.has_digits

"""Which source files a record holds of a training: what was imported, wherever it lies."""

import hashlib
import sys
from pathlib import Path

import pytest

from search.trials.source_files import files_on_path, source_files
from trainables import architectures

OWN = "trainables/architectures/ownnet.py"
NETWORK = """
from ownlayers.sizes import WIDTH
from trainables.architectures.ownblocks import block
def build(*, image_size: int, classes: int):
    import ownlate
"""
FILES = {
    "ownnet.py": NETWORK,
    "ownblocks.py": "import importlib\nheads = importlib.import_module('ownheads')\nblock = 1\n",
    "ownheads.py": "HEADS = 2\n",
    "ownlate.py": "",
    "ownlayers/__init__.py": "",
    "ownlayers/sizes.py": "WIDTH = 8\n",
    "ownother.py": "",
}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder of a network of one's own, outside the checkout, from which both are imported."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(architectures, "__path__", [*architectures.__path__, str(tmp_path)])
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if "own" in {part[:3] for part in name.split(".")}]:
        del sys.modules[name]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_it_is_the_network_and_all_that_it_imports_wherever_that_lies(folder):
    own = {path: digest for path, digest in source_files("ownnet").items() if "own" in path}
    assert own == {
        OWN: sha256(NETWORK),
        "trainables/architectures/ownblocks.py": sha256(FILES["ownblocks.py"]),
        "ownheads.py": sha256(FILES["ownheads.py"]),
        "ownlayers/__init__.py": sha256(""),
        "ownlayers/sizes.py": sha256("WIDTH = 8\n"),
    }


def test_what_the_network_imports_while_it_is_built_is_there_from_then_on(folder):
    source_files("ownnet")
    architectures.build("ownnet", image_shape=(32, 32, 3), classes=10)
    assert "ownlate.py" in source_files("ownnet")


def test_it_is_all_of_trainables_that_was_imported_and_no_library():
    files = source_files("gap5")
    loop = Path(sys.modules["trainables.training"].__file__).read_text()
    assert files["trainables/training.py"] == sha256(loop)
    assert all(path.startswith("trainables/") for path in files)


def test_other_architectures_do_not_count_though_this_process_imported_them():
    architectures.builder("nin")
    assert "trainables/architectures/nin.py" not in source_files("gap5")


def test_what_is_written_into_a_file_after_its_import_does_not_count(folder):
    source_files("ownnet")
    (folder / "ownnet.py").write_text("another network")
    assert source_files("ownnet")[OWN] == sha256(NETWORK)


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_how_lines_end_does_not_count(folder, end):
    (folder / "ownnet.py").write_bytes(NETWORK.replace("\n", end).encode())
    assert source_files("ownnet")[OWN] == sha256(NETWORK)


def test_a_file_that_was_not_imported_is_read_where_python_would_import_it(folder):
    assert files_on_path(["ownlayers/sizes.py", "ownlayers/absent.py"]) == {
        "ownlayers/sizes.py": sha256("WIDTH = 8\n")
    }


@pytest.mark.parametrize("path", ["{}/ownnet.py", "ownlayers/../ownnet.py", "../{}/ownnet.py", ""])
def test_a_record_names_no_file_outside_of_these_folders(folder, path):
    assert files_on_path([path.format(folder)]) == {}

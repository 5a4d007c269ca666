"""Read a model's folder, and check it without running any code in it.

Files of torch are pickles, which can hold any code. If a file holds more than tensors, the whole
folder is refused. Convoy itself computes with ``model.onnx``, but others would load that file.
"""

import hashlib
import io
import json
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from analysis.model import CARD, FOLDER, FORMAT, ONNX, PROGRAM, WEIGHTS
from trainables.boundary.errors import UsageError, printable, some
from trainables.boundary.validation import first_fault
from trainables.data.image_files import LARGEST, Fit
from trainables.shapes import ImageShape

_MAKE = "python -m analysis.run --search NAME makes one"
_Side = Annotated[int, Field(ge=1, le=LARGEST)]
# The files that torch.export writes besides pickles: the graph, raw tensors, and metadata.
_PLAIN_MEMBER = re.compile(
    r"[^/]+/(models/\w+\.json|data/(weights|constants)/(weight_\d+|tensor_\d+|\w+_config\.json)"
    r"|extra/[^/]*|archive_format|archive_version|byteorder|version|\.[\w/]+)"
)

# The expressions of sizes and guards in a program, which torch evaluates as Python. They may call
# only constructors of SymPy and sizes, and quote only names and numbers.
_ARITHMETIC = re.compile(
    r"(?:(?:[A-Z]\w*|max|min)\("
    r"|(?:\.size\(\)|'[\w.]+'|\d+\.\d+|\b\w+\b|[\])])(?!\s*\()"
    r"|[-+*/%<>=!&|(,\[\s])*"
)


class ModelInput(BaseModel, frozen=True):
    """The size of a network's images, and how images of another size are fitted."""

    height: _Side
    width: _Side
    channels: Annotated[int, Field(ge=1, le=3)]
    fit: Fit

    @property
    def shape(self) -> ImageShape:
        """Height, width and channels."""
        return self.height, self.width, self.channels


class ModelSetting(BaseModel, frozen=True):
    """The setting that builds the network if it could not be exported as a program."""

    architecture: str
    parameters: dict[str, bool | int | float | str]


class ModelCard(BaseModel, frozen=True):
    """The part of ``labels.json`` that is read."""

    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    input: ModelInput
    mean: Annotated[tuple[float, ...], Field(min_length=1, max_length=3)]
    std: Annotated[tuple[float, ...], Field(min_length=1, max_length=3)]
    setting: ModelSetting
    search: str
    run_id: str
    files: dict[str, str]
    missing: dict[str, str] = {}


@dataclass(frozen=True)
class ModelFolder:
    """A checked model folder.

    Attributes:
        path: the folder.
        card: its card.
    """

    path: Path
    card: ModelCard


def read_model_folder(path: Path) -> ModelFolder:
    """Read and check the model's folder at ``path``.

    Raises:
        UsageError: it is not a model's folder, has another format, is damaged, or contains code.
    """
    if not path.is_dir():
        raise UsageError(f"there is no model folder {path}; {_MAKE}")
    card = _card(path)
    _check_file(path / (WEIGHTS if ONNX in card.missing else ONNX), card)
    for name, check in ((WEIGHTS, _load_tensors), (PROGRAM, _check_program)):
        if (path / name).exists():
            _check_plain(path / name, check)
    return ModelFolder(path, card)


def _card(folder: Path) -> ModelCard:
    path = folder / CARD
    try:
        if not path.is_file():
            inner = f"give {folder / FOLDER}" if (folder / FOLDER / CARD).is_file() else _MAKE
            raise UsageError(f"{folder} is not a model folder, as it has no {CARD}; {inner}")
        document = json.loads(path.read_bytes())
        if isinstance(document, dict) and (form := document.get("format", "none")) != FORMAT:
            raise UsageError(f"{path} has format {form!r}, not format {FORMAT}; {_MAKE}")
        return ModelCard.model_validate_json(json.dumps(document), strict=True)
    except UsageError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        what = first_fault(error) if isinstance(error, ValidationError) else error
        raise UsageError(f"{path} is damaged ({what}); {_MAKE}") from error


def _check_file(path: Path, card: ModelCard) -> None:
    """Raise UsageError unless the file has the digest in the card."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); {_MAKE}") from error
    if digest != card.files.get(path.name):
        raise UsageError(
            f"{path} is damaged or of another model: its SHA-256 differs from {CARD}; {_MAKE}"
        )


def _check_plain(path: Path, check: Callable[[Any], None]) -> None:
    """Raise UsageError if the file at ``path`` does not pass ``check``."""
    try:
        with path.open("rb") as file:
            check(file)
    except Exception as error:  # torch lets through whatever Python raises for damaged bytes
        raise UsageError(
            f"{path} is damaged, or contains code, which was not run "
            f"({type(error).__name__}: {str(error).partition(chr(10))[0][:120]}); {_MAKE}"
        ) from error


def _load_tensors(file: Any) -> None:
    """Load a file of torch; it raises if the file holds more than tensors and plain values."""
    import torch  # takes a second

    with warnings.catch_warnings(action="ignore"):  # torch warns of files that it then refuses
        torch.load(file, map_location="cpu", weights_only=True)


def _check_program(file: Any) -> None:
    """Raise ValueError unless all files in an archive of torch.export are free of code."""
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            name, inner = member.filename, member.filename.partition("/")[2]
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{name} is compressed")
            if name.endswith(".pt"):
                if member.file_size:
                    _load_tensors(io.BytesIO(archive.read(member)))
            elif not _PLAIN_MEMBER.fullmatch(name):
                raise ValueError(f"{name} is not a file that torch.export writes for a network")
            elif inner.endswith("_config.json"):
                _check_payloads(name, json.loads(archive.read(member)))
            elif inner.startswith("models/"):
                _check_expressions(name, json.loads(archive.read(member)))


def _check_payloads(name: str, document: Any) -> None:
    pickled = [key for key, each in document["config"].items() if each["use_pickle"] is not False]
    if pickled:
        raise ValueError(f"{name} has pickles of {some(pickled)}")


def _check_expressions(name: str, document: Any) -> None:
    for text in _expressions(document):
        if not _ARITHMETIC.fullmatch(text):
            raise ValueError(f"{name} has the expression {printable(text[:60])}")


def _expressions(document: Any) -> Iterator[str]:
    """The expressions in a program's JSON that torch evaluates, at any depth."""
    if isinstance(document, dict):
        for key, each in document.items():
            if key in ("expr_str", "guards_code"):
                yield from [each] if isinstance(each, str) else map(str, each)
            else:
                yield from _expressions(each)
    elif isinstance(document, list):
        for each in document:
            yield from _expressions(each)

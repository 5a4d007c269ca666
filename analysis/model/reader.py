"""A model's folder as it is read: checked, while nothing that lies in it runs.

Files of torch are pickles, which can hold any code. One that holds more than tensors is refused
together with its folder, though Convoy computes by ``model.onnx``: others would load it.
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
# What torch.export writes beside pickles: the graph, raw tensors, and notes of the archive.
_PLAIN_MEMBER = re.compile(
    r"[^/]+/(models/\w+\.json|data/(weights|constants)/(weight_\d+|tensor_\d+|\w+_config\.json)"
    r"|extra/[^/]*|archive_format|archive_version|byteorder|version|\.[\w/]+)"
)

# The expressions of sizes and guards in a program, which torch evaluates as Python: they call
# constructors of SymPy and sizes alone, and quote nothing but names and numbers.
_ARITHMETIC = re.compile(
    r"(?:(?:[A-Z]\w*|max|min)\("
    r"|(?:\.size\(\)|'[\w.]+'|\d+\.\d+|\b\w+\b|[\])])(?!\s*\()"
    r"|[-+*/%<>=!&|(,\[\s])*"
)


class ModelInput(BaseModel, frozen=True):
    """The images that a network sees, and how others are made to fit."""

    height: _Side
    width: _Side
    channels: Annotated[int, Field(ge=1, le=3)]
    fit: Fit

    @property
    def shape(self) -> ImageShape:
        """Height, width and channels."""
        return self.height, self.width, self.channels


class ModelSetting(BaseModel, frozen=True):
    """By which the network is built where no program of it could be made."""

    architecture: str
    parameters: dict[str, bool | int | float | str]


class ModelCard(BaseModel, frozen=True):
    """What is read of ``labels.json``."""

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
    """A folder that was checked.

    Attributes:
        path: of it.
        card: what it says of its model.
    """

    path: Path
    card: ModelCard


def read_model_folder(path: Path) -> ModelFolder:
    """The model's folder at ``path``.

    Raises:
        UsageError: it is none, of another format, damaged, or carries code.
    """
    if not path.is_dir():
        raise UsageError(f"there is no model's folder {path}; {_MAKE}")
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
            raise UsageError(f"{folder} is no model's folder, as it has no {CARD}; {inner}")
        document = json.loads(path.read_bytes())
        if isinstance(document, dict) and (form := document.get("format", "none")) != FORMAT:
            raise UsageError(f"{path} has format {form!r}, and format {FORMAT} is read; {_MAKE}")
        return ModelCard.model_validate_json(json.dumps(document), strict=True)
    except UsageError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        what = first_fault(error) if isinstance(error, ValidationError) else error
        raise UsageError(f"{path} is damaged ({what}); {_MAKE}") from error


def _check_file(path: Path, card: ModelCard) -> None:
    """Raise UsageError unless the file is the one that the card tells of."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); {_MAKE}") from error
    if digest != card.files.get(path.name):
        raise UsageError(
            f"{path} is damaged or of another model: its SHA-256 is not that in {CARD}; {_MAKE}"
        )


def _check_plain(path: Path, check: Callable[[Any], None]) -> None:
    """Raise UsageError if the file at ``path`` does not pass ``check``."""
    try:
        with path.open("rb") as file:
            check(file)
    except Exception as error:  # torch lets through whatever Python raises for damaged bytes
        raise UsageError(
            f"{path} is damaged, or carries code, which was not run "
            f"({type(error).__name__}: {str(error).partition(chr(10))[0][:120]}); {_MAKE}"
        ) from error


def _load_tensors(file: Any) -> None:
    """Load a file of torch, which raises where it holds more than tensors and plain values."""
    import torch  # takes a second

    with warnings.catch_warnings(action="ignore"):  # torch's own on what it then refuses
        torch.load(file, map_location="cpu", weights_only=True)


def _check_program(file: Any) -> None:
    """Raise ValueError unless all that lies in an archive of torch.export is plain."""
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            name, inner = member.filename, member.filename.partition("/")[2]
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{name} is compressed")
            if name.endswith(".pt"):
                if member.file_size:
                    _load_tensors(io.BytesIO(archive.read(member)))
            elif not _PLAIN_MEMBER.fullmatch(name):
                raise ValueError(f"{name} is nothing that torch.export writes of a network")
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
    """What torch evaluates of a program's JSON, wherever it stands."""
    if isinstance(document, dict):
        for key, each in document.items():
            if key in ("expr_str", "guards_code"):
                yield from [each] if isinstance(each, str) else map(str, each)
            else:
                yield from _expressions(each)
    elif isinstance(document, list):
        for each in document:
            yield from _expressions(each)

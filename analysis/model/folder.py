"""``model/``: a trained network with everything that is needed to use it elsewhere."""

import hashlib
import json
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
from rich.console import Console
from torch import nn

from analysis.certificate import Certificate
from analysis.model import CARD, FOLDER, ONNX, PROGRAM, SCRIPT, WEIGHTS, export
from analysis.model.card import card_of, write_card
from analysis.model.classifier import ImageClassifier
from analysis.output import whole_folder
from analysis.subject import Subject
from trainables.boundary.errors import UsageError, printable
from trainables.checkpoint import save
from trainables.data import Dataset
from trainables.data.image_files import Fit

_LONGEST = 200  # characters of a reason


def write_model_folder(
    subject: Subject, certificate: Certificate, out: Path, console: Console
) -> Path:
    """Write ``model/`` into the existing folder ``out``, and return its path.

    A file that cannot be made from the network is left out, and a line names it. The card is
    written last, so that a folder with a card is complete.

    Raises:
        UsageError: the folder cannot be written.
    """
    target = out / FOLDER
    with whole_folder(out) as scratch:
        folder = scratch / FOLDER
        save(subject.run.weights, folder / WEIGHTS)
        network = subject.run.model(subject.dataset)
        missing = export_programs(network, subject.dataset, subject.run.job.data.fit, folder)
        files = {path.name: _digest(path) for path in sorted(folder.iterdir())}
        _remove(target, [CARD, *missing])
    write_card(card_of(subject, certificate, files, missing), target / CARD)
    for reason in dict.fromkeys(missing.values()):
        names = ", ".join(name for name, why in missing.items() if why == reason)
        console.print(f"left out of {FOLDER}/: {names}: {reason}", soft_wrap=True)
    return target


def is_written(out: Path, run_id: str) -> bool:
    """Whether ``out`` has the complete ``model/`` of a run."""
    folder = out / FOLDER
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        card = json.loads((folder / CARD).read_bytes())
        whole = all(_digest(folder / name) == digest for name, digest in card["files"].items())
        return whole and bool(card["run_id"] == run_id)
    return False


def export_programs(network: nn.Module, dataset: Dataset, fit: Fit, folder: Path) -> dict[str, str]:
    """Write ``network`` into ``folder`` as programs, and the script that runs one.

    Args:
        network: the module, in eval mode, on the CPU.
        dataset: the data that it was trained on.
        fit: how to fit images of another size.
        folder: an existing folder.

    Returns:
        By name, the reason why a file is missing.
    """
    images = np.ascontiguousarray(dataset.val.images[:: -(-len(dataset.val) // export.CHECKED)])
    expected = export.probabilities(network, dataset, images)
    try:
        program = export.program_of(ImageClassifier(network, dataset, fit))
        export.save_program(program, folder / PROGRAM)
        export.check_equal(expected, export.run_program(folder / PROGRAM, images))
    except Exception as error:  # torch raises many kinds for a network that it cannot export
        (folder / PROGRAM).unlink(missing_ok=True)
        reason = f"the network cannot be exported ({_line(error)})"
        return dict.fromkeys((PROGRAM, ONNX, SCRIPT), reason)
    shutil.copyfile(Path(__file__).with_name(SCRIPT), folder / SCRIPT)
    try:
        export.save_onnx(program, folder / ONNX)
        export.check_equal(expected, export.run_onnx(folder / ONNX, images))
    except Exception as error:  # the converter and onnxruntime raise many kinds
        (folder / ONNX).unlink(missing_ok=True)
        return {ONNX: f"the network cannot be converted ({_line(error)})"}
    return {}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _remove(folder: Path, names: list[str]) -> None:
    """Remove files of an earlier analysis from ``folder``, if it exists."""
    if folder.is_symlink() or not folder.is_dir():
        return  # the later move of files reports it
    for path in (folder / name for name in names):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"--out: {path} cannot be removed ({error.strerror})") from error


def _line(error: Exception) -> str:
    """What went wrong, in one line, cut if necessary."""
    line = next((line for line in str(error).splitlines() if line.strip()), "no message")
    kind = "" if isinstance(error, export.ExportError) else f"{type(error).__name__}: "
    return f"{kind}{printable(line)}"[:_LONGEST]

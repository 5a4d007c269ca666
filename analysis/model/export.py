"""A network as programs that need nothing of Convoy: ``torch.export``'s, and ONNX.

Both compute in float32, whatever the training did.
"""

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from analysis.model import INPUT, OUTPUT
from analysis.model.classifier import ImageClassifier
from trainables.data import Dataset
from trainables.data.batches import Normaliser
from trainables.evaluation import logits_of

CHECKED = 100  # images, at most, on which a program is compared with the network
TOLERANCE = 1e-4  # of a probability


class ExportError(Exception):
    """A program does not compute what its network does; the message says how far it is off."""


def probabilities(network: nn.Module, dataset: Dataset, images: NDArray[np.uint8]) -> Tensor:
    """What ``network`` itself makes of images of its own size, on the CPU: what programs must."""
    normalise = Normaliser(dataset, torch.device("cpu"))
    with torch.inference_mode():
        logits = logits_of(network, torch.from_numpy(images), normalise, torch.float32)
    return logits.softmax(dim=1)


def program_of(classifier: ImageClassifier) -> ExportedProgram:
    """``classifier``, on the CPU, as a program of images of any size and number.

    Raises:
        Exception: whatever torch says of a network that it cannot export.
    """
    try:
        return _traced(classifier, strict=False)
    except Exception:  # which takes longer, and tells more of a network's Python apart
        return _traced(classifier, strict=True)


def _traced(classifier: ImageClassifier, *, strict: bool) -> ExportedProgram:
    sizes = {0: Dim("count", min=1), 1: Dim("height", min=1), 2: Dim("width", min=1)}
    # Of sizes that differ, so that none is taken for another, or for the network's own.
    shape = (5, classifier.height + 2, classifier.width + 3, classifier.channels)
    example = torch.zeros(shape, dtype=torch.uint8)
    with _silent(), torch.no_grad():
        return torch.export.export(
            classifier.eval(), (example,), dynamic_shapes={INPUT: sizes}, strict=strict
        )


def save_program(program: ExportedProgram, path: Path) -> None:
    """Write ``program`` to ``path``."""
    with _silent():
        torch.export.save(program, path)


def save_onnx(program: ExportedProgram, path: Path) -> None:
    """Write ``program`` to ``path`` as ONNX."""
    with _silent():
        torch.onnx.export(
            program,
            (),
            path,
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=[INPUT],
            output_names=[OUTPUT],
        )


def run_program(path: Path, images: NDArray[np.uint8]) -> Tensor:
    """What the program in ``path`` makes of ``images``."""
    with _silent(), torch.inference_mode():
        program: Any = torch.export.load(path).module()
        result: Tensor = program(torch.from_numpy(images))
    return result


def run_onnx(path: Path, images: NDArray[np.uint8]) -> Tensor:
    """What onnxruntime makes of ``images`` by the file in ``path``."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run([OUTPUT], {INPUT: images})[0])


def check_equal(expected: Tensor, computed: Tensor) -> None:
    """Raise ExportError unless the probabilities ``computed`` are those ``expected``."""
    apart = float((expected - computed).abs().max())
    if not apart <= TOLERANCE:
        raise ExportError(
            f"its probabilities differ by up to {apart:.2g} on {len(expected)} images"
        )


@contextmanager
def _silent() -> Iterator[None]:
    """Within, exporters say nothing of what they do; what they raise is told by the caller."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            yield
    finally:
        logging.disable(disabled)

"""Export a network as programs that run without Convoy: by ``torch.export``, and as ONNX.

Both compute in float32, whatever the precision of the training.
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

CHECKED = 100  # most images on which a program is compared with the network
TOLERANCE = 1e-4  # of a probability


class ExportError(Exception):
    """A program's results differ from its network's; the message says by how much."""


def probabilities(network: nn.Module, dataset: Dataset, images: NDArray[np.uint8]) -> Tensor:
    """The probabilities of ``network`` for images of its size, on the CPU, to check programs."""
    normalise = Normaliser(dataset, torch.device("cpu"))
    with torch.inference_mode():
        logits = logits_of(network, torch.from_numpy(images), normalise, torch.float32)
    return logits.softmax(dim=1)


def program_of(classifier: ImageClassifier) -> ExportedProgram:
    """Export ``classifier``, on the CPU, as a program for images of any size and number.

    Raises:
        Exception: any error that torch raises for a network that it cannot export.
    """
    try:
        return _traced(classifier, strict=False)
    except Exception:  # strict mode takes longer, but can export more networks
        return _traced(classifier, strict=True)


def _traced(classifier: ImageClassifier, *, strict: bool) -> ExportedProgram:
    sizes = {0: Dim("count", min=1), 1: Dim("height", min=1), 2: Dim("width", min=1)}
    # Different sizes, so that torch confuses none with another, or with the network's own.
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
    """The probabilities of ``images`` by the program in ``path``."""
    with _silent(), torch.inference_mode():
        program: Any = torch.export.load(path).module()
        result: Tensor = program(torch.from_numpy(images))
    return result


def run_onnx(path: Path, images: NDArray[np.uint8]) -> Tensor:
    """The probabilities of ``images`` by onnxruntime and the file in ``path``."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run([OUTPUT], {INPUT: images})[0])


def check_equal(expected: Tensor, computed: Tensor) -> None:
    """Raise ExportError unless ``computed`` equals ``expected`` within ``TOLERANCE``."""
    apart = float((expected - computed).abs().max())
    if not apart <= TOLERANCE:
        raise ExportError(
            f"its probabilities differ by up to {apart:.2g} on {len(expected)} images"
        )


@contextmanager
def _silent() -> Iterator[None]:
    """Silence the exporters' output within the context; their errors pass through."""
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

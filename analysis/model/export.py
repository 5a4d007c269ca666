"""A network as programs that need nothing of Convoy: ``torch.export``'s, and ONNX.

Both take images of any size, as many at once as there are, and resize and normalise them. They
compute in float32, whatever the training did.
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
from trainables.data import Dataset
from trainables.data.batches import Normaliser
from trainables.evaluation import logits_of

CHECKED = 100  # images, at most, on which a program is compared with the network
TOLERANCE = 1e-4  # of a probability


class ImageClassifier(nn.Module):
    """From uint8 images (N, H, W, C) to the probabilities of the classes, (N, classes).

    Args:
        network: from normalised images to logits, in eval mode.
        dataset: whose images it was trained on.
    """

    def __init__(self, network: nn.Module, dataset: Dataset) -> None:
        super().__init__()
        self.network = network
        self.height, self.width = dataset.image_shape[:2]
        scale = 1 / (255 * torch.tensor(dataset.std))
        shift = -torch.tensor(dataset.mean) * 255 * scale
        self.scale, self.shift = nn.Buffer(scale.view(-1, 1, 1)), nn.Buffer(shift.view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """The probabilities of ``images``, whatever their size."""
        planes = images.permute(0, 3, 1, 2).float()
        planes = _whole(planes @ _filter(planes.shape[3], self.width).T)
        planes = _whole(_filter(planes.shape[2], self.height) @ planes)
        logits: Tensor = self.network(planes * self.scale + self.shift)
        return logits.float().softmax(dim=1)


def _filter(size: int, wanted: int) -> Tensor:
    """Pillow's bilinear filter from ``size`` to ``wanted`` pixels, (wanted, size).

    A product with it is an operation that every runtime has and computes alike, which is not so of
    torch's and ONNX's own resizing. It changes nothing where the two are equal.
    """
    pixels = torch.arange(size, dtype=torch.float32)
    scale = torch.ones_like(pixels).sum() / wanted  # as a tensor, so that any size is one program
    centres = (torch.arange(wanted).unsqueeze(1) + 0.5) * scale
    distances = (pixels + 0.5 - centres).abs() / scale.clamp(min=1)
    weights = (1 - distances).clamp(min=0)
    return weights / weights.sum(dim=1, keepdim=True)


def _whole(levels: Tensor) -> Tensor:
    """The nearest whole levels of grey, as Pillow keeps them between the two directions."""
    return torch.floor(levels + 0.5)


class ExportError(Exception):
    """A program does not compute what its network does; the message says how far it is off."""


def probabilities(network: nn.Module, dataset: Dataset, images: NDArray[np.uint8]) -> Tensor:
    """What ``network`` itself makes of images of its own size, on the CPU: what programs must."""
    normalise = Normaliser(dataset, torch.device("cpu"))
    with torch.inference_mode():
        logits = logits_of(network, torch.from_numpy(images), normalise, torch.float32)
    return logits.softmax(dim=1)


def program_of(network: nn.Module, dataset: Dataset) -> ExportedProgram:
    """``network``, in eval mode on the CPU, as a program of images of any size and number.

    Raises:
        Exception: whatever torch says of a network that it cannot export.
    """
    sizes = {0: Dim("count", min=1), 1: Dim("height", min=1), 2: Dim("width", min=1)}
    height, width, channels = dataset.image_shape
    example = torch.zeros(3, height + 2, width + 3, channels, dtype=torch.uint8)
    with _silent(), torch.no_grad():
        return torch.export.export(
            ImageClassifier(network, dataset).eval(), (example,), dynamic_shapes={"images": sizes}
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

"""A model's folder as a function of images, by onnxruntime."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.model import INPUT, ONNX, OUTPUT
from analysis.model.reader import ModelFolder
from trainables.boundary.errors import UsageError
from trainables.data.dataset import Images

Probabilities = NDArray[np.float32]
Classify = Callable[[Images], Probabilities]  # (N, H, W, C) to (N, classes)


def classifier(folder: ModelFolder) -> Classify:
    """What computes the probabilities of images, as many at once as memory holds.

    Raises:
        UsageError: ``model.onnx`` does not load, or is not of the folder's classes.
    """
    import onnxruntime

    path, classes = folder.path / ONNX, len(folder.card.classes)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # decoders need them
    try:
        session: Any = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        (probabilities,) = session.run(
            [OUTPUT], {INPUT: np.zeros((1, *folder.card.input.shape), np.uint8)}
        )
        if probabilities.shape != (1, classes) or probabilities.dtype != np.float32:
            raise ValueError(f"it gives {probabilities.dtype}{probabilities.shape}")
    except Exception as error:  # onnxruntime has a class of its own for every fault
        raise UsageError(
            f"{path} cannot be run on images of {folder.card.input.shape} and {classes} classes "
            f"({str(error).partition(chr(10))[0][:200]})"
        ) from error

    def run(images: Images) -> Probabilities:
        result: Probabilities = session.run([OUTPUT], {INPUT: images})[0]
        return result

    return run

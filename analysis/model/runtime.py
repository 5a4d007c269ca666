"""Compute the probabilities of images with a model's folder, by onnxruntime."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.model import INPUT, ONNX, OUTPUT, WEIGHTS
from analysis.model.reader import ModelFolder
from trainables.boundary.errors import UsageError
from trainables.data.dataset import Images
from trainables.shapes import in_words

Probabilities = NDArray[np.float32]
Classify = Callable[[Images], Probabilities]  # (N, H, W, C) to (N, classes)


def classifier(folder: ModelFolder) -> Classify:
    """A function: probabilities of images of the network's size, as many as memory holds.

    It runs ``model.onnx``. Without that file it builds the architecture, if this Convoy has it.

    Raises:
        UsageError: neither is possible, or the result does not fit the folder's classes.
    """
    card, convertible = folder.card, ONNX not in folder.card.missing
    try:
        run = _session(folder.path / ONNX) if convertible else _network(folder)
        probabilities = run(np.zeros((1, *card.input.shape), np.uint8))
        if probabilities.shape != (1, len(card.classes)) or probabilities.dtype != np.float32:
            raise ValueError(f"it returns {probabilities.dtype}{probabilities.shape}")
    except Exception as error:  # onnxruntime and torch raise many classes of their own
        lacking = "" if convertible else f"it has no {ONNX} as {card.missing[ONNX]}; and "
        raise UsageError(
            f"the model in {folder.path} cannot be run on images of {in_words(card.input.shape)} "
            f"pixels and {len(card.classes)} classes "
            f"({lacking}{str(error).partition(chr(10))[0][:200]})"
        ) from error
    return run


def _session(path: Path) -> Classify:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # for the decoders
    session: Any = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )

    def run(images: Images) -> Probabilities:
        result: Probabilities = session.run([OUTPUT], {INPUT: images})[0]
        return result

    return run


def _network(folder: ModelFolder) -> Classify:
    """The architecture that the card names, with the folder's weights."""
    import torch

    from trainables import architectures, checkpoint

    card = folder.card
    network = architectures.build(
        card.setting.architecture,
        image_shape=card.input.shape,
        classes=len(card.classes),
        **card.setting.parameters,
    )
    network.load_state_dict(checkpoint.load(folder.path / WEIGHTS))
    network.eval()
    mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (card.mean, card.std))

    def run(images: Images) -> Probabilities:
        with torch.inference_mode():
            planes = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
            logits: torch.Tensor = network((planes - mean) / std)
            return np.asarray(logits.float().softmax(dim=1).numpy())

    return run

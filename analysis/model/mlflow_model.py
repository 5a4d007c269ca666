"""Save a model's folder as an MLflow model, with a signature and with code instead of a pickle."""

import json
import logging
import warnings
from importlib.metadata import version
from pathlib import Path

import mlflow.pyfunc
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from mlflow.types.schema import Map

from analysis.model import CARD
from trainables.data.dataset import Images

_CODE = Path(__file__).with_name("served.py")
_NEEDED = ("mlflow", "onnxruntime", "numpy", "pandas")
_ROW = (("class", DataType.string), ("confidence", DataType.float))


def save_mlflow_model(folder: Path, example: Images, target: Path) -> None:
    """Write the model in ``folder`` to ``target``.

    Args:
        folder: ``model/`` of an analysis, with ``model.onnx``.
        example: one image or more, (N, H, W, C), as the example of a request.
        target: a new folder.
    """
    card = json.loads((folder / CARD).read_bytes())
    about = {key: card[key] for key in ("search", "run_id", "architecture", "classes")}
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):  # about type hints; the signature suffices
            mlflow.pyfunc.save_model(
                target,
                python_model=str(_CODE),
                artifacts={"model": str(folder)},
                signature=signature(example.shape[3]),
                input_example=example,
                pip_requirements=[f"{name}=={version(name)}" for name in _NEEDED],
                metadata={f"convoy.{key}": value for key, value in about.items()},
            )
    finally:
        logging.disable(disabled)


def signature(channels: int) -> ModelSignature:
    """The signature: a request has images of any number and size, and the answer a row for each."""
    images = TensorSpec(np.dtype("uint8"), (-1, -1, -1, channels))
    probabilities = ColSpec(Map(DataType.double), "probabilities")
    row = [ColSpec(kind, name) for name, kind in _ROW]
    return ModelSignature(Schema([images]), Schema([*row, probabilities]))

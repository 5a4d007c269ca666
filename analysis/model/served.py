"""The code of a model that MLflow serves. It is copied into the model and runs without Convoy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class ServedModel(PythonModel):
    """Predict a row for each of uint8 images (N, height, width, channels)."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the classes and the network from the folder ``model/`` of an analysis."""
        folder = Path(context.artifacts["model"])
        card = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        self.classes = card["classes"]
        self.session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), providers=["CPUExecutionProvider"]
        )

    def predict(self, context: Any, model_input: np.ndarray, params: Any = None) -> Any:
        """The class of each image, its probability, and those of all classes by name."""
        rows = [self._of(image[None]) for image in model_input]
        return pd.DataFrame(rows, columns=["class", "confidence", "probabilities"])

    def _of(self, image: np.ndarray) -> tuple[str, float, dict[str, float]]:
        probabilities = self.session.run(["probabilities"], {"images": image})[0][0].tolist()
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        by_class = dict(zip(self.classes, probabilities, strict=True))
        return self.classes[best], probabilities[best], by_class


set_model(ServedModel())

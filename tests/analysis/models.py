"""A model's folder made by hand: a network whose probabilities a test computes by itself."""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper

CLASSES = ("ant", "bee", "cat")
SHAPE = (6, 8, 3)  # height, width, channels
WEIGHTS = np.array([[2, -1, 0], [0, 1, -2], [-3, 0, 3]], np.float32) / 50


def probabilities(images: np.ndarray) -> np.ndarray:
    """What the network makes of (N, H, W, 3) images: a softmax of their mean colour's products."""
    logits = images.astype(np.float64).mean((1, 2)) @ WEIGHTS
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def onnx_bytes() -> bytes:
    nodes = [
        helper.make_node("Cast", ["images"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["levels", "axes"], ["colour"], keepdims=0),
        helper.make_node("MatMul", ["colour", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(CLASSES)])],
        [
            numpy_helper.from_array(WEIGHTS, "weights"),
            numpy_helper.from_array(np.array([1, 2]), "axes"),
        ],
    )
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


def write_model(folder: Path, fit: str = "stretch", run_id: str = "0" * 32) -> Path:
    """Write a whole folder, but for the program of torch.export."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(onnx_bytes())
    torch.save({"weight": torch.ones(2)}, folder / "weights.pt")
    height, width, channels = SHAPE
    card = {
        "format": 1,
        "classes": CLASSES,
        "input": {"height": height, "width": width, "channels": channels, "fit": fit},
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
        "architecture": "tiny",
        "setting": {"architecture": "tiny", "parameters": {}},
        "search": "made",
        "run_id": run_id,
        "files": {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()
        },
        "missing": {},
    }
    (folder / "labels.json").write_text(json.dumps(card))
    return folder

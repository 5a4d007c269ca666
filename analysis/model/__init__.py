"""The folder ``model/`` of an analysis: a network that can be used without Convoy."""

FORMAT = 1  # version of the folder's format, in its card
FOLDER, CARD = "model", "labels.json"
PROGRAM, ONNX, WEIGHTS, SCRIPT = "model.pt2", "model.onnx", "weights.pt", "predict.py"
INPUT, OUTPUT = "images", "probabilities"  # names of the programs' input and output
LOGGED = "convoy.model"  # tag of a run: the SHA-256 of the card of its model in MLflow

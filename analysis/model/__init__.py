"""The folder ``model/`` of an analysis: a network that is used without Convoy."""

FORMAT = 1  # of the folder, as its card has it
FOLDER, CARD = "model", "labels.json"
PROGRAM, ONNX, WEIGHTS, SCRIPT = "model.pt2", "model.onnx", "weights.pt", "predict.py"
INPUT, OUTPUT = "images", "probabilities"  # of the programs
LOGGED = "convoy.model"  # a tag: the SHA-256 of the card of the model that a run has in MLflow

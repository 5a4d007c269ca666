"""The cures of a shortcut: each trains and is judged on images that it was not fitted to."""

import json

import pytest
import torch

from studies.cures import CURES, FITTED, Lab, fit_last_layer, main
from trainables.data.batches import DeviceSplit
from trainables.evaluation import evaluate
from trainables.training import TrainingData


@pytest.fixture(scope="module")
def lab(embedded):
    return Lab(TrainingData.of(embedded.limited(300, 300), torch.device("cpu")), 1, 0)


def test_every_cure_is_judged(tmp_path, capsys):
    file = tmp_path / "cures.json"
    few = ["--data", "embedded", "--epochs", "1", "--train-limit", "200", "--json", str(file)]
    assert main(few) == 0
    rows = json.loads(file.read_text())["cures"]
    assert {row["cure"].split(",")[0] for row in rows} >= set(CURES)
    assert all(0 <= row["accuracy"] <= 1 for row in rows)
    judged_by = {row["images"] for row in rows if row["cure"].startswith("last-layer")}
    assert judged_by == {600}
    assert capsys.readouterr().out.count("conflicting") == len(rows)


def test_a_last_layer_is_fitted_to_its_part_of_the_validation_images_alone(lab):
    model = lab.learner("initialisation").model
    trunk = {name: value.clone() for name, value in model.state_dict().items()}
    part = lab.data.val.at(slice(0, round(FITTED * len(lab.data.val))))
    before = loss(model, part, lab)
    fitted = fit_last_layer(model, lab.data, 1e-3)
    assert loss(fitted, part, lab) < before
    changed = {
        name for name, value in fitted.state_dict().items() if not torch.equal(value, trunk[name])
    }
    assert changed == {"linear.weight", "linear.bias"}


def loss(model: torch.nn.Module, part: DeviceSplit, lab: Lab) -> float:
    return evaluate(model.eval(), part, lab.data.normalise).metrics()["val_loss"]

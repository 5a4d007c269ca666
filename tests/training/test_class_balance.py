"""Classes of unequal size: their weights in the loss, and how often they are drawn."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight

from trainables.class_balance import class_weights, draws
from trainables.data.batches import DeviceSplit
from trainables.data.dataset import Dataset, Split
from trainables.evaluation import evaluate
from trainables.mixup import Mixture, Targets
from trainables.recipe import Setting
from trainables.training import TrainingData, fit, network

CPU = torch.device("cpu")
LABELS = torch.tensor([0] * 70 + [1] * 25 + [3] * 5)  # none of class 2


def test_a_class_weighs_as_scikit_learn_has_it():
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=LABELS.numpy())
    assert class_weights(LABELS, 4)[[0, 1, 3]].numpy() == pytest.approx(expected)
    assert class_weights(LABELS, 4)[2] == 1


def test_every_class_that_has_images_is_drawn_equally_often():
    split = DeviceSplit(torch.zeros(100, 1, 1, 3, dtype=torch.uint8), LABELS, None)
    generator = torch.Generator().manual_seed(0)
    batches = [b for _ in range(60) for b in split.shuffled(100, generator, draws(LABELS, 4))]
    counts = torch.bincount(torch.cat([batch.labels for batch in batches]), minlength=4)
    assert counts[2] == 0
    assert counts[[0, 1, 3]] / counts.sum() == pytest.approx([1 / 3] * 3, abs=0.02)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_weighted_mean_of_the_images_losses(smoothing):
    logits = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    weights = class_weights(LABELS, 4)
    logs = logits.log_softmax(1)
    losses = [
        -sum(
            weights[c] * ((1 - smoothing) * (c == label) + smoothing / 4) * logs[image, c]
            for c in range(4)
        )
        for image, label in enumerate(LABELS)
    ]
    mean = sum(losses) / weights[LABELS].sum()
    assert Targets(LABELS).cross_entropy(logits, smoothing, weights) == pytest.approx(float(mean))


def test_both_labels_of_a_mixed_image_are_weighted():
    logits = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    weights, others = class_weights(LABELS, 4), LABELS.flip(0)
    targets = Targets(LABELS, Mixture(others, torch.tensor([[0.7, 0.3]])))
    parts = [F.cross_entropy(logits, each, weights) for each in (LABELS, others)]
    expected = 0.7 * parts[0] + 0.3 * parts[1]
    assert targets.cross_entropy(logits, 0.0, weights) == pytest.approx(float(expected))


def _uneven() -> Dataset:
    """Images of two classes, 200 and 10, all alike: nothing is to be learnt of them."""
    labels = np.array([0] * 200 + [1] * 10)
    images = np.full((210, 16, 16, 3), 140, dtype=np.uint8)
    split = Split(images, labels)
    return Dataset("folder", ("a", "b"), (0.5,) * 3, (0.06,) * 3, split, split, split)


@pytest.mark.parametrize("key", ["class_weights", "sampling"])
def test_a_network_that_can_tell_nothing_is_no_longer_sure_of_the_larger_class(key):
    data = TrainingData.of(_uneven(), CPU)
    plain = {"batch_size": 210, "lr": 0.01, "schedule": "constant", "pool_stride": 2}
    shares = {}
    for value in ("none", "balanced"):
        setting = Setting.of("gap5", {**plain, key: value}, 60, 0)
        *_, last = fit(setting, data)
        model = network(setting, data.dataset)
        model.load_state_dict(last.state["model"])
        logits = evaluate(model, data.val, data.normalise).logits
        shares[value] = float(logits.softmax(1)[:, 1].mean())
    assert shares["none"] == pytest.approx(10 / 210, abs=0.04)
    assert shares["balanced"] == pytest.approx(0.5, abs=0.1)


def test_the_training_loss_that_is_reported_counts_all_images_alike():
    data = TrainingData.of(_uneven(), CPU)
    values = {"batch_size": 210, "pool_stride": 2, "schedule": "constant"}
    first = {
        weights: next(fit(Setting.of("gap5", {**values, "class_weights": weights}, 1, 0), data))
        for weights in ("none", "balanced")
    }
    losses = [epoch.metrics["train_loss"] for epoch in first.values()]
    assert losses[0] == losses[1]

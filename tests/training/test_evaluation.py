"""Figures of a network on a split, against slow loops and constructed cases."""

import math

import pytest
import torch
from torch import nn

from trainables.data.batches import DeviceSplit, Normaliser
from trainables.evaluation import Evaluation, evaluate
from trainables.training import TrainingData


def logits_for(predictions: list[int], classes: int = 10) -> torch.Tensor:
    return 5.0 * nn.functional.one_hot(torch.tensor(predictions), classes).float()


def test_group_figures_equal_a_slow_loop():
    draws = torch.Generator().manual_seed(0)
    labels, digits = torch.randint(10, (2, 500), generator=draws)
    evaluation = Evaluation(torch.randn(500, 10, generator=draws), labels, digits)
    counts = {"all": [0, 0], "aligned": [0, 0], "conflicting": [0, 0], "follow": [0, 0]}
    for logits, label, digit in zip(evaluation.logits, labels, digits, strict=True):
        guess = int(logits.argmax())
        groups = ["all", "aligned" if label == digit else "conflicting"]
        for group in groups:
            counts[group][0] += guess == label
            counts[group][1] += 1
        if label != digit:
            counts["follow"][0] += guess == digit
            counts["follow"][1] += 1
    share = {name: int(hits) / total for name, (hits, total) in counts.items()}
    metrics = evaluation.metrics()
    assert metrics["val_accuracy"] == share["all"]
    assert metrics["val_accuracy_aligned"] == share["aligned"]
    assert metrics["val_accuracy_conflicting"] == share["conflicting"]
    assert metrics["digit_following"] == share["follow"]


def test_a_model_that_reads_the_digit_is_caught():
    labels, digits = torch.arange(10).repeat(10), torch.arange(10).repeat_interleave(10)
    metrics = Evaluation(logits_for(digits.tolist()), labels, digits).metrics()
    assert metrics["val_accuracy"] == 0.1
    assert metrics["val_accuracy_aligned"] == 1.0
    assert metrics["val_accuracy_conflicting"] == 0.0
    assert metrics["digit_following"] == 1.0


def test_a_model_that_reads_the_picture_is_not():
    labels, digits = torch.arange(10).repeat(10), torch.arange(10).repeat_interleave(10)
    metrics = Evaluation(logits_for(labels.tolist()), labels, digits).metrics()
    assert metrics["val_accuracy_conflicting"] == metrics["val_accuracy"] == 1.0
    assert metrics["digit_following"] == 0.0


def test_a_group_without_images_is_left_out():
    labels = torch.arange(10)
    metrics = Evaluation(logits_for(labels.tolist()), labels, labels).metrics()
    assert "val_accuracy_conflicting" not in metrics
    assert "digit_following" not in metrics


def test_without_digits_there_are_no_group_figures():
    labels = torch.arange(10)
    metrics = Evaluation(torch.zeros(10, 10), labels, None).metrics()
    assert set(metrics) == {"val_loss", "val_accuracy"}
    assert metrics["val_loss"] == pytest.approx(math.log(10))


class Recorder(nn.Module):
    """Counts what it is given, and has dropout to betray training mode."""

    def __init__(self):
        super().__init__()
        self.dropout, self.seen = nn.Dropout(0.5), []

    def forward(self, x):
        self.seen.append((len(x), x.dtype, self.training))
        return self.dropout(torch.ones(len(x), 10))


def test_evaluation_is_in_eval_mode_and_float32_and_restores_the_mode(embedded):
    data, model = TrainingData.of(embedded, torch.device("cpu")), Recorder().train()
    evaluation = evaluate(model, data.val, data.normalise)
    assert model.training
    assert (evaluation.logits == 1).all()
    assert sum(count for count, _, _ in model.seen) == len(embedded.val)
    assert {(dtype, training) for _, dtype, training in model.seen} == {(torch.float32, False)}


def test_normalised_images_have_the_sets_statistics(embedded):
    split = DeviceSplit.of(embedded.train, torch.device("cpu"))
    images = Normaliser(embedded, torch.device("cpu"))(split.images)
    assert images.shape == (4500, 3, 40, 40)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert images.mean(dim=(0, 2, 3)).numpy() == pytest.approx([0, 0, 0], abs=1e-3)
    assert images.std(dim=(0, 2, 3)).numpy() == pytest.approx([1, 1, 1], abs=1e-3)

"""Figures of a network on a split, against slow loops and constructed cases."""

import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from trainables.architectures import builder
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


CPU, BF16 = torch.device("cpu"), torch.bfloat16


def network_of(architecture: str) -> nn.Module:
    torch.manual_seed(0)
    model = builder(architecture)(image_shape=(40, 40, 3), classes=10)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    return model.to(memory_format=torch.channels_last)


def cast(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor.to(BF16)


def by_hand(model: nn.Sequential, pixels: torch.Tensor) -> torch.Tensor:
    """``model`` layer by layer: convolutions and all but the last linear layer in bfloat16."""
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    for layer in model:
        weights = cast(getattr(layer, "weight", None)), cast(getattr(layer, "bias", None))
        if isinstance(layer, nn.Conv2d):
            geometry = layer.stride, layer.padding, layer.dilation, layer.groups
            pixels = F.conv2d(pixels.to(BF16), *weights, *geometry)
        elif isinstance(layer, nn.Linear) and layer is linear[-1]:
            pixels = F.linear(pixels.float(), layer.weight, layer.bias)
        elif isinstance(layer, nn.Linear):
            pixels = F.linear(pixels.to(BF16), *weights)
        else:
            pixels = layer(pixels)
    return pixels.float()


@pytest.mark.parametrize("architecture", ["conv3", "gap5", "nin"])
def test_in_bfloat16_all_but_the_last_linear_layer_compute_in_it(embedded, architecture):
    data, model = TrainingData.of(embedded.limited(100, 100), CPU), network_of(architecture)
    found = evaluate(model, data.val, data.normalise, BF16).logits
    with torch.inference_mode():
        wanted = by_hand(model.eval(), data.normalise(data.val.images))
    assert found.dtype == torch.float32
    assert torch.equal(found, wanted)
    assert not torch.equal(found, evaluate(model, data.val, data.normalise).logits)


def test_float32_is_what_the_network_itself_computes(embedded):
    data, model = TrainingData.of(embedded.limited(100, 100), CPU), network_of("gap5").eval()
    with torch.inference_mode():
        wanted = model(data.normalise(data.val.images))
    assert torch.equal(evaluate(model, data.val, data.normalise).logits, wanted)


def tied(head: nn.Linear) -> nn.Module:
    """A network whose second logit is larger by less than bfloat16 tells apart."""
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, 1.0], [1.0, 1.001]]))
    return nn.Sequential(Ones(), head)


class Ones(nn.Module):
    """Two features, 1 whatever the image."""

    def forward(self, x):
        return torch.ones(len(x), 2, dtype=BF16)


@pytest.mark.parametrize("wrapped", [lambda head: head, weight_norm])
def test_logits_that_would_tie_in_bfloat16_do_not(embedded, wrapped):
    data, model = TrainingData.of(embedded.limited(50, 50), CPU), tied(nn.Linear(2, 2, bias=False))
    model[1] = wrapped(model[1])
    assert model[1].weight[1].to(BF16).tolist() == [1, 1]
    assert evaluate(model, data.val, data.normalise, BF16).predictions.tolist() == [1] * 50


class InFloat64(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        self.head = nn.Linear(3, classes).double()

    def forward(self, images):
        with torch.autocast("cpu", enabled=False):
            return self.head(images.mean((2, 3)).double())


def test_a_head_in_float64_stays_so(embedded):
    split = DeviceSplit.of(embedded.val, torch.device("cpu"))
    normalise = Normaliser(embedded, torch.device("cpu"))
    model = InFloat64(len(embedded.classes))
    half, full = (evaluate(model, split, normalise, t) for t in (torch.bfloat16, torch.float32))
    assert torch.equal(half.logits, full.logits)


class Fails(nn.Module):
    """Fails on the images of a batch."""

    def forward(self, x):
        raise RuntimeError("no")


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("layer", [nn.Flatten(), Fails()])
def test_in_bfloat16_a_model_is_left_as_it_was(embedded, training, layer):
    data = TrainingData.of(embedded.limited(50, 50), CPU)
    model = nn.Sequential(layer, nn.Linear(3 * 40 * 40, 10)).train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with suppress(RuntimeError):
        evaluate(model, data.val, data.normalise, BF16)
    assert model.training is training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert not torch.is_autocast_enabled("cpu")
    assert model[1](torch.zeros(1, 4800)).dtype == torch.float32


class Meanwhile(nn.Module):
    """A network during whose forward pass another thread does ``work``."""

    def __init__(self, network, work):
        super().__init__()
        self.network, self.work = network, work

    def forward(self, x):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self.work).result()
        return self.network(x)


def test_another_thread_evaluates_in_its_own_format(embedded):
    data, model = TrainingData.of(embedded.limited(50, 50), CPU), network_of("conv3")
    alone, found = evaluate(model, data.val, data.normalise).logits, []
    busy = Meanwhile(
        network_of("conv3"),
        lambda: found.append(evaluate(model, data.val, data.normalise).logits),
    )
    evaluate(busy, data.val, data.normalise, BF16)
    assert torch.equal(found[0], alone)

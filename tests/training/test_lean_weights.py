"""Trainings with bfloat16 copies of the weights end in the bits of autocast alone."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainables.device import use_threads
from trainables.recipe import Setting
from trainables.step import lean_weights, learner
from trainables.step.execution import Eager
from trainables.training import TrainingData, fit


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=4)
        self.dense = nn.Linear(8, 8)
        self.head = nn.Linear(8, 10)

    def trunk(self, images):
        return self.conv(images).relu().mean((2, 3))

    def forward(self, images):
        return self.head(self.dense(self.trunk(images)).relu())


class Frozen(Small):
    def __init__(self):
        super().__init__()
        self.dense.requires_grad_(False)


class Hooked(Small):
    def __init__(self):
        super().__init__()
        self.dense.weight.register_hook(lambda gradient: 0.1 * gradient)


class PartlyInFloat32(Small):
    def forward(self, images):
        features = self.trunk(images)
        with torch.autocast("cpu", enabled=False):
            return self.head(self.dense(features.float()))


class ReadsAWeight(Small):
    def forward(self, images):
        assert self.dense.weight.dtype == torch.float32
        return super().forward(images) * (1 + self.dense.weight.square().mean())


class SharesAWeight(Small):
    def __init__(self):
        super().__init__()
        self.shared = [self.dense.weight]

    def forward(self, images):
        features = self.dense(self.trunk(images))
        with torch.autocast("cpu", enabled=False):
            return self.head(F.linear(features.float(), self.shared[0]))


class Renormalised(Small):
    def forward(self, images):
        if self.training:
            with torch.no_grad():
                self.dense.weight.copy_(self.dense.weight.renorm(2, 0, 0.3))
        return super().forward(images)


class Clipped(Small):
    def forward(self, images):
        if self.training:
            self.dense.weight.data.clamp_(-0.05, 0.05)
        return super().forward(images)


class WithAnAverage(Small):
    def __init__(self):
        super().__init__()
        self.average = nn.Linear(8, 8).requires_grad_(False)

    def forward(self, images):
        if self.training:
            with torch.no_grad():
                self.average.weight.lerp_(self.dense.weight, 0.1)
        features = self.trunk(images)
        return self.head(self.dense(features) + self.average(features))


class SavesItself(Small):
    def forward(self, images):
        assert {each.dtype for each in self.state_dict().values()} == {torch.float32}
        return super().forward(images)


NETWORKS = [
    Small,
    Frozen,
    Hooked,
    PartlyInFloat32,
    ReadsAWeight,
    SharesAWeight,
    Renormalised,
    Clipped,
    WithAnAverage,
    SavesItself,
]


class AsWritten(Eager):
    """Has copies, as a captured training does; a tape would repeat a network's Python no more."""

    captures = True


@pytest.mark.parametrize("network", NETWORKS)
def test_copies_train_as_autocast_does_bit_for_bit(embedded, monkeypatch, network):
    use_threads(1)
    monkeypatch.setattr(learner, "training_dtype", lambda device: torch.bfloat16)
    monkeypatch.setattr("trainables.training.network", lambda *_: network())
    data = TrainingData.of(embedded.limited(100, 50), torch.device("cpu"))
    data = replace(data, execution=AsWritten())

    def trained() -> dict[str, torch.Tensor]:
        *_, last = fit(Setting.of("conv3", {"batch_size": 25, "lr": 0.01}, 2, 0), data)
        return last.state["model"]

    ours = trained()
    monkeypatch.setattr(lean_weights, "_pairs", lambda model: [])
    theirs = trained()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)

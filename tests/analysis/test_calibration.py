"""Calibration, against a slow loop and constructed cases."""

import numpy as np
import pytest
import torch

from analysis.calibration import BINS, reliability


def slow_error(logits: torch.Tensor, labels: torch.Tensor) -> float:
    error = 0.0
    for place in range(BINS):
        members = []
        for row, label in zip(logits.double(), labels, strict=True):
            shares = torch.softmax(row, 0)
            confidence = float(shares.max())
            if place / BINS < confidence <= (place + 1) / BINS:
                members.append((confidence, int(shares.argmax()) == int(label)))
        if members:
            confidence, right = np.mean(members, axis=0)
            error += abs(confidence - right) * len(members) / len(labels)
    return error


def test_the_expected_error_equals_a_slow_loop():
    draws = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(400, 10, generator=draws)
    labels = torch.randint(10, (400,), generator=draws)
    assert reliability(logits, labels).expected_error == pytest.approx(slow_error(logits, labels))


def test_a_network_that_is_right_as_often_as_it_says_has_no_error():
    logits = torch.log(torch.tensor([[0.75, 0.25]])).repeat(4, 1)
    assert reliability(logits, torch.tensor([0, 0, 0, 1])).expected_error == pytest.approx(
        0, abs=1e-6
    )


def test_a_sure_network_that_is_wrong_has_the_largest_error():
    logits = torch.tensor([[100.0, 0.0]]).repeat(3, 1)
    found = reliability(logits, torch.tensor([1, 1, 1]))
    assert found.expected_error == pytest.approx(1)
    assert found.counts.tolist() == [0] * (BINS - 1) + [3]

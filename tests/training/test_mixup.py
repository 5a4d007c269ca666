"""MixUp against the source's formulas, written out for one image at a time."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from trainables.mixup import Mixture, Targets, mix


def mixed(alpha: float = 0.4, count: int = 16):
    images = torch.randn(count, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(count) % 5
    rng, draws = np.random.default_rng(1), torch.Generator().manual_seed(2)
    return images, labels, *mix(images, labels, alpha, count, rng, draws)


def test_every_image_is_blended_with_the_partner_whose_label_it_shares():
    images, labels, out, targets = mixed()
    share, rest = targets.mixture.shares[0].tolist()
    for image, made, label, other in zip(images, out, labels, targets.mixture.others, strict=True):
        candidates = [
            partner
            for partner, its in zip(images, labels, strict=True)
            if its == other and torch.allclose(made, share * image + rest * partner)
        ]
        assert len(candidates) == 1
        assert label in labels
    assert 0 < share < 1
    assert share + rest == pytest.approx(1)


def test_the_loss_is_the_sources_weighted_sum():
    _, labels, _, targets = mixed()
    logits = torch.randn(16, 5, generator=torch.Generator().manual_seed(3))
    share, rest = targets.mixture.shares[0].tolist()
    expected = share * F.cross_entropy(logits, labels, label_smoothing=0.04) + (
        rest
    ) * F.cross_entropy(logits, targets.mixture.others, label_smoothing=0.04)
    assert targets.cross_entropy(logits, 0.04).item() == pytest.approx(expected.item())


def test_hits_count_each_label_by_its_share():
    targets = Targets(
        torch.tensor([0, 1, 2]), Mixture(torch.tensor([1, 1, 0]), torch.tensor([[0.7, 0.3]]))
    )
    logits = F.one_hot(torch.tensor([0, 1, 0]), 3).float()
    assert targets.hits(logits).item() == pytest.approx(0.7 * 2 + 0.3 * 2)


def test_without_alpha_nothing_is_mixed():
    images, labels, out, targets = mixed(alpha=0.0)
    assert out is images
    assert targets.mixture is None
    logits = torch.randn(16, 5)
    assert targets.cross_entropy(logits).item() == F.cross_entropy(logits, labels).item()


def test_the_share_follows_the_beta_distribution():
    rng, draws = np.random.default_rng(0), torch.Generator().manual_seed(0)
    one = torch.zeros(1, 1, 1, 1)
    label = torch.zeros(1).long()
    mixtures = [mix(one, label, 0.4, 1, rng, draws)[1].mixture for _ in range(4000)]
    shares = [mixture.shares[0, 0].item() for mixture in mixtures]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.02)
    assert np.var(shares) == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.01)  # of Beta(a, a)


def test_images_of_several_batches_stay_within_their_batch_each_with_a_share_of_its_own():
    images = torch.arange(12.0).reshape(12, 1, 1, 1)
    rng, draws = np.random.default_rng(1), torch.Generator().manual_seed(2)
    mixed, targets = mix(images, torch.arange(12), 0.4, 4, rng, draws)
    assert targets.mixture.shares.shape == (3, 2)
    assert len(set(targets.mixture.shares[:, 0].tolist())) == 3
    for batch in range(3):
        own = range(4 * batch, 4 * batch + 4)
        others = targets.mixture.others[4 * batch : 4 * batch + 4].tolist()
        share, rest = targets.mixture.shares[batch].tolist()
        assert sorted(others) == list(own)
        expected = [share * image + rest * other for image, other in zip(own, others, strict=True)]
        assert mixed[own.start : own.stop].flatten().tolist() == pytest.approx(expected)

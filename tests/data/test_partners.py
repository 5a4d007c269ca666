"""Permutations of the images of each batch, one by one and all at once."""

import pytest
import torch

from trainables.data.partners import partners, sorted_by_chance

BOTH = pytest.mark.parametrize("drawn", [partners, sorted_by_chance])


@BOTH
@pytest.mark.parametrize(("count", "batch_size"), [(12, 4), (10, 4), (3, 8), (1, 1), (4080, 20)])
def test_every_image_of_a_batch_is_the_partner_of_one_of_the_same_batch(drawn, count, batch_size):
    found = drawn(count, batch_size, torch.Generator().manual_seed(0))
    batches = zip(torch.arange(count).split(batch_size), found.split(batch_size), strict=True)
    assert all(torch.equal(own, partner.sort().values) for own, partner in batches)


@BOTH
def test_each_permutation_is_drawn_equally_often(drawn):
    found = drawn(60_000, 3, torch.Generator().manual_seed(0)).view(-1, 3) % 3
    _, counts = found.unique(dim=0, return_counts=True)
    assert len(counts) == 6
    assert ((counts / 20_000 - 1 / 6).abs() < 0.01).all()

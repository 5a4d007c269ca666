"""The verdict follows from directional figures: constructed networks, and a newcomer's."""

import numpy as np
import pytest

from analysis.audit.cue import Cue
from analysis.audit.groups import groups_of
from analysis.audit.intervals import difference_of_groups
from analysis.audit.pull import association, natural_pull, pasted_pull
from analysis.audit.swaps import swaps_of
from analysis.audit.verdict import Verdict, verdict_of
from studies.verdict import ConstructedNetwork, main, rates

CORNER = Cue("corner", (22, 22, 32, 32), None, 3)


def newcomers_verdict(size: int = 300) -> tuple[Verdict, dict[str, float]]:
    """Aligned images are right less often than conflicting ones, and a patch disturbs it a bit."""
    rng = np.random.default_rng(3)
    labels, digits = rng.integers(3, size=size), rng.integers(3, size=size)
    right = np.where(rng.random(size) < np.where(digits == labels, 0.503, 0.657), 3.0, -3.0)
    pictures = rng.normal(size=(size, 3)) * 0.5
    pictures[np.arange(size), labels] += right
    patches = rng.integers(size, size=(size, 3))
    noise = 1.2 * rng.normal(size=(size, 3, 3))
    noise[np.arange(3), np.arange(3)] -= 0.1  # the own class least of all
    pasted = pictures[:, None] + noise
    before = pictures.argmax(axis=1)
    swaps = swaps_of(pasted, before, labels, digits, patches)
    groups = groups_of(before, labels, digits, 3)
    pull = natural_pull(pictures, labels, digits)
    told = {
        "gap": groups.gap.value,
        "flips": swaps.flips.low,
        "boost": swaps.pull.boost.value,
        "answers": swaps.pull.answers.low,
    }
    return verdict_of(groups, pull, swaps, None, CORNER), told


def test_a_network_that_a_patch_disturbs_in_any_direction_does_not_lean():
    verdict, told = newcomers_verdict()
    assert told["gap"] < 0 and told["flips"] > 0.05
    assert abs(told["boost"]) < 0.2 and told["answers"] < 0
    assert verdict.words == "reads the picture"
    assert verdict.fault == ""
    assert "is sensitive to the corner: pasting another one changes" in verdict.sentence
    assert verdict.sentence.endswith("not towards its own class")


def test_the_evidence_of_a_verdict_gives_its_figures_with_their_intervals():
    verdict, _ = newcomers_verdict()
    assert "A pasted corner adds" in verdict.evidence and " nats (" in verdict.evidence
    assert "are predicted as their corner" in verdict.evidence
    assert "digit" not in verdict.evidence + verdict.sentence


@pytest.mark.parametrize("kinds", [2, 3, 10])
@pytest.mark.parametrize("pasted", [True, False])
@pytest.mark.parametrize("beta", [0.0, 1.0, 20.0])
def test_verdicts_on_constructed_networks_are_seldom_wrong(kinds, pasted, beta):
    network = ConstructedNetwork(beta, 0.7, patch=1.0, kinds=kinds, pasted=pasted)
    found = rates(network, 600, draws=15, seed=0)
    assert found.wrong <= 1 / 15
    assert found.open <= 0.7


def test_preferred_classes_and_uneven_digits_are_no_leaning_where_nothing_is_pasted():
    network = ConstructedNetwork(0.0, 0.6, biased=True, uneven=True, pasted=False)
    assert rates(network, 1000, draws=20, seed=0).wrong == 0


def test_a_hard_network_of_small_logits_leans_by_its_predictions():
    found = rates(ConstructedNetwork(0.25, 0.6, scale=0.1), 1000, draws=5, seed=0)
    assert found.verdicts.get("reads the picture", 0) == 0


def test_the_grid_of_verdicts_is_made_by_a_command(monkeypatch, capsys):
    cell = {"ten classes": [ConstructedNetwork(0.0)]}
    monkeypatch.setattr("studies.verdict.grid", lambda: cell)
    assert main(["--draws", "2"]) == 0
    assert "ten classes" in capsys.readouterr().out


def test_a_boost_is_found_again_in_images_as_they_are():
    rng = np.random.default_rng(0)
    labels, digits = rng.integers(10, size=(2, 4000))
    digits = np.where(rng.random(4000) < 0.3, 0, digits)  # one class is shown more often
    scores = rng.normal(size=(4000, 10)) + 3 * np.eye(10)[labels] + np.arange(10)
    robust, boosted = (association(scores + b * np.eye(10)[digits], labels, digits) for b in (0, 2))
    assert robust.low < 0 < robust.high
    assert boosted.value - robust.value == pytest.approx(2)


def test_the_pull_of_predictions_is_the_share_that_yield_the_pasted_class_less_that_of_others():
    scores = np.random.default_rng(0).normal(size=(50, 4, 4))
    says = scores.argmax(axis=2)
    slow = [
        np.mean(
            [
                (image[k] == k) - np.mean([image[j] == k for j in range(4) if j != k])
                for k in range(4)
            ]
        )
        for image in says
    ]
    assert pasted_pull(scores).answers.value == pytest.approx(np.mean(slow))


def test_an_interval_of_the_pull_counts_that_few_patches_were_pasted():
    """Ten patches a class that add noise of their own, in a thousand pictures: the truth is 0."""
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        patches = rng.integers(10, size=(1000, 3)) + 10 * np.arange(3)
        scores = rng.normal(size=(1000, 1, 3)) + rng.normal(size=(30, 3))[patches]
        boost = pasted_pull(scores, patches).boost
        held += boost.low < 0 < boost.high
    assert 175 <= held <= 198


def test_the_interval_between_two_groups_is_newcombes():
    """His example: 56 of 70 and 48 of 80, 0.0524 to 0.3339."""
    found = difference_of_groups(np.arange(70) < 56, np.arange(80) < 48)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert found.images == 150
    assert difference_of_groups(np.zeros(0, bool), np.ones(3, bool)) is None

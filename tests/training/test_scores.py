"""What a training is judged by, against scikit-learn and slow loops."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from trainables import scores
from trainables.best_epoch import improves
from trainables.boundary.errors import UsageError
from trainables.data.dataset import NO_CLASS, Split
from trainables.evaluation import Evaluation

LOGITS = {
    "drawn": lambda drawn: drawn,
    "with ties": lambda drawn: drawn.round(),
    "rounded to 0 and 1 as probabilities": lambda drawn: 400 * drawn,
    "all equal": torch.zeros_like,
}


def made(images: int, classes: int, kind: str = "drawn") -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and labels, of which some classes are rare."""
    draws = torch.Generator().manual_seed(images)
    labels = torch.randint(classes, (images,), generator=draws)
    labels = torch.where(torch.rand(images, generator=draws) < 0.6, 0, labels)
    labels[:classes] = torch.arange(classes)
    drawn = torch.randn(images, classes, generator=draws)
    return LOGITS[kind](drawn + torch.nn.functional.one_hot(labels, classes)), labels


def measured(metric: str, logits: torch.Tensor, labels: torch.Tensor) -> float:
    return float(scores.score(metric, logits, labels, None))


def by_sklearn(metric: str, logits: torch.Tensor, labels: torch.Tensor) -> float:
    predicted, shares = logits.argmax(dim=1), logits.double().softmax(dim=1).numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a class is predicted without images
        if metric == "balanced_accuracy":
            return balanced_accuracy_score(labels, predicted)
        if metric == "macro_f1":
            return f1_score(labels, predicted, average="macro")
        if shares.shape[1] == 2:
            return roc_auc_score(labels, shares[:, 1])
        return roc_auc_score(labels, shares, multi_class="ovr", average="macro")


@pytest.mark.parametrize("kind", LOGITS)
@pytest.mark.parametrize(("images", "classes"), [(3, 2), (80, 2), (40, 3), (500, 10), (900, 100)])
@pytest.mark.parametrize("metric", ["auroc", "balanced_accuracy", "macro_f1"])
def test_it_is_what_sklearn_computes(metric, images, classes, kind):
    logits, labels = made(images, classes, kind)
    expected = by_sklearn(metric, logits, labels)
    assert measured(metric, logits, labels) == pytest.approx(expected, abs=1e-12)


def test_classes_without_images_count_where_sklearn_counts_them():
    """The last class has none, and is predicted; the one before has none and is not."""
    logits, labels = made(200, 6)
    labels, logits[:, 4] = labels.clamp(max=3), -9.0
    assert (logits.argmax(dim=1) == 5).any()
    for metric in ("balanced_accuracy", "macro_f1"):
        assert measured(metric, logits, labels) == pytest.approx(by_sklearn(metric, logits, labels))
    shares = logits.double().softmax(dim=1).numpy()
    areas = [roc_auc_score(labels == label, shares[:, label]) for label in range(4)]
    assert measured("auroc", logits, labels) == pytest.approx(np.mean(areas))


def test_the_worst_group_is_that_of_a_slow_loop():
    draws = torch.Generator().manual_seed(0)
    labels, digits = torch.randint(5, (2, 2000), generator=draws)
    digits[:300] = NO_CLASS
    labels[300:600] = 1  # groups of 60 and more; those of label 4 keep less than 20 images
    labels = torch.where((labels == 4) & (torch.rand(2000, generator=draws) < 0.9), 0, labels)
    logits = torch.randn(2000, 5, generator=draws) + torch.nn.functional.one_hot(digits.clamp(0), 5)
    right, groups = (logits.argmax(dim=1) == labels).tolist(), {}
    for label, digit, hit in zip(labels.tolist(), digits.tolist(), right, strict=True):
        groups.setdefault((label, digit), []).append(hit)
    large = [np.mean(g) for (_, digit), g in groups.items() if digit != NO_CLASS and len(g) >= 20]
    assert 4 < len(large) < 25
    assert float(scores.score("worst_group", logits, labels, digits)) == min(large)


def test_a_digit_above_the_classes_is_a_group_of_its_own():
    labels, digits = torch.tensor([0, 1]).repeat_interleave(40), torch.tensor([1, 9]).repeat(40)
    logits = torch.nn.functional.one_hot(torch.where(digits == 9, 1, 0), 2).float()
    assert float(scores.score("worst_group", logits, labels, digits)) == 0.0
    assert float(scores.score("worst_group", logits[::2], labels[::2], digits[::2])) == 0.0
    assert float(scores.score("worst_group", logits[:40:2], labels[:40:2], digits[:40:2])) == 1.0


@pytest.mark.parametrize("metric", scores.available())
def test_the_figures_of_the_accuracy_have_the_same_bits_whatever_judges(metric):
    logits, labels = made(900, 10)
    evaluation = Evaluation(logits, labels, labels.roll(1))
    plain, sums = evaluation.sums(), evaluation.sums(metric)
    assert len(plain) == 9
    assert torch.equal(sums[:9], plain)
    figures = evaluation.metrics(metric)
    assert {**figures, **evaluation.metrics()} == figures
    assert 0 <= figures[f"val_{metric}"] <= 1


def split(labels: list[int], digits: list[int] | None = None) -> Split:
    images = np.zeros((len(labels), 2, 2, 3), np.uint8)
    return Split(images, np.array(labels), None if digits is None else np.array(digits))


UNDEFINED = {
    "one class": ("auroc", split([3] * 50), "all validation images are of one class"),
    "one image": ("auroc", split([3]), "all validation images are of one class"),
    "no shortcut": ("worst_group", split([0, 1]), "no shortcut of the validation images is known"),
    "none known": ("worst_group", split([0] * 30, [NO_CLASS] * 30), "no shortcut of the"),
    "small groups": ("worst_group", split([0, 1] * 19, [0, 1] * 19), "the largest group .* has 19"),
    "no metric": ("acuracy", split([0, 1]), "'acuracy' does not exist; did you mean accuracy?"),
}


@pytest.mark.parametrize("case", UNDEFINED)
def test_a_metric_that_is_undefined_on_the_images_is_refused(case):
    metric, images, reason = UNDEFINED[case]
    with pytest.raises(UsageError, match=reason):
        scores.images_behind(metric, images)


def test_its_error_is_that_of_a_share_of_the_images_that_it_rests_on():
    labels, digits = [0] * 80 + [1] * 20, [0] * 50 + [1] * 30 + [0] * 19 + [NO_CLASS]
    images = {
        name: scores.images_behind(name, split(labels, digits)) for name in scores.available()
    }
    assert (images["accuracy"], images["worst_group"]) == (100, 30)
    assert images["balanced_accuracy"] == pytest.approx(4 / (1 / 80 + 1 / 20))


def test_an_epoch_is_better_by_what_it_is_judged_by():
    before, after = ({"val_accuracy": a, "val_auroc": b} for a, b in ((0.6, 0.8), (0.5, 0.9)))
    assert improves(after, before, "auroc")
    assert not improves(after, before, "accuracy")

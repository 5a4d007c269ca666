"""Two runs on the same images."""

import json
from dataclasses import replace

import numpy as np
import pytest
from subjects import constructed

from analysis.comparison import agreement, compare
from trainables.boundary.errors import UsageError


@pytest.fixture(scope="module")
def pair():
    return constructed("gap5"), constructed("nin")


def answers(right_first: int, right_second: int, both: int = 30, neither: int = 8):
    """Predictions of two networks and the labels, all 0 where right, 1 where wrong."""
    counts = (both, right_first, right_second, neither)
    first, second = np.repeat([0, 0, 1, 1], counts), np.repeat([0, 1, 0, 1], counts)
    return first, second, np.zeros_like(first)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [
        (10, 2, 2 * (1 + 12 + 66) / 2**12),
        (2, 10, 2 * (1 + 12 + 66) / 2**12),
        (5, 0, 2 / 2**5),
        (4, 4, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemars_p_is_that_of_counting_coin_tosses(first, second, p):
    assert agreement(*answers(first, second)).p == pytest.approx(p)


def test_the_table_counts_every_image_once():
    found = agreement(*answers(10, 2))
    assert (found.both, found.only_first, found.only_second, found.neither) == (30, 10, 2, 8)
    assert (found.images, found.same) == (50, 38)


def test_two_architectures_are_compared_on_the_same_images(pair):
    drawing = compare(*pair)
    first, second = (s.evaluation.predictions.tolist() for s in pair)
    labels = pair[0].split.labels.tolist()
    rows = list(zip(first, second, labels, strict=True))
    numbers = drawing.numbers
    assert numbers["only_first"] == sum(a == y != b for a, b, y in rows)
    assert numbers["only_second"] == sum(b == y != a for a, b, y in rows)
    assert numbers["both_wrong"] == sum(a != y and b != y for a, b, y in rows)
    assert numbers["same_answer"] == pytest.approx(sum(a == b for a, b, _ in rows) / len(rows))
    assert json.loads(json.dumps(numbers, allow_nan=False))
    assert all(vars(drawing.caption).values())


def test_both_runs_are_named(pair):
    drawing = compare(*pair)
    title = drawing.figure.get_suptitle()
    assert "A: gap5, search constructed" in title and "B: nin, search constructed" in title


def test_disagreements_are_told_apart_by_what_the_digit_says(pair):
    shown = compare(*pair).numbers["shown"]
    split, first = pair[0].split, pair[0].evaluation.predictions.numpy()
    for index in shown["only A is right, conflicting"]:
        assert split.digits[index] != split.labels[index] == first[index]
    for index in shown["only A is right, aligned"]:
        assert split.digits[index] == split.labels[index] == first[index]


def test_without_digits_the_gallery_has_no_such_parts():
    drawing = compare(constructed("gap5", "cifar10"), constructed("conv3", "cifar10"))
    assert set(drawing.numbers["shown"]) == {"only A is right", "only B is right"}


def test_a_run_and_itself_never_disagree(pair):
    numbers = compare(pair[0], pair[0]).numbers
    assert numbers["mcnemar_p"] == numbers["same_answer"] == 1
    assert numbers["difference"][0] == 0


def test_other_data_are_refused(pair):
    with pytest.raises(UsageError, match="data differ"):
        compare(pair[0], constructed("gap5", "cifar10"))


def test_another_limit_is_refused(pair):
    fewer = replace(pair[1], dataset=pair[1].dataset.limited(val=100))
    with pytest.raises(UsageError, match=r"validation images differ \(200 and 100\)"):
        compare(pair[0], fewer)


def test_other_classes_are_refused(pair):
    renamed = replace(pair[1].dataset, classes=tuple("abcdefghij"))
    with pytest.raises(UsageError, match="classes differ"):
        compare(pair[0], replace(pair[1], dataset=renamed))


def test_another_split_is_refused(pair):
    with pytest.raises(UsageError, match=r"split differ \(val and test\)"):
        compare(pair[0], replace(pair[1], shown="test"))

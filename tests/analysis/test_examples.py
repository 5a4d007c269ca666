"""Images that figures show come from all classes, however the split is ordered."""

from dataclasses import replace

import numpy as np
import pytest
from subjects import constructed, subject_of

from analysis import figures
from analysis.examples import examples, sample
from analysis.figures import augmentation
from analysis.subject import Subject
from trainables.data.dataset import NO_CLASS, Split

LABELS = np.repeat(np.arange(10), 30)


def in_class_order(split: Split) -> Split:
    return split.take(np.argsort(split.labels, kind="stable"))


@pytest.fixture(scope="module")
def subject() -> Subject:
    """Of a network on images that lie class by class, as a folder's do."""
    mixed = constructed("gap5")
    train, val = (in_class_order(split) for split in (mixed.dataset.train, mixed.dataset.val))
    return subject_of(mixed.run, mixed.model, replace(mixed.dataset, train=train, val=val))


@pytest.mark.parametrize(("count", "classes", "most"), [(10, 10, 1), (24, 10, 3), (4, 4, 1)])
def test_each_class_is_drawn_once_before_any_twice(count, classes, most):
    drawn, times = np.unique(LABELS[sample(LABELS, count)], return_counts=True)
    assert (len(drawn), times.max()) == (classes, most)


def test_a_sample_is_not_made_of_each_classs_first():
    assert (sample(LABELS, 10) % 30 > 0).any()


def test_a_sample_is_the_same_at_every_call_and_in_order():
    first, again = sample(LABELS, 24), sample(LABELS, 24)
    assert first.tolist() == again.tolist() == sorted(set(first.tolist()))


def test_only_those_that_may_be_are_drawn_and_all_if_they_are_few():
    assert sample(LABELS, 10, np.array([7, 31, 32])).tolist() == [7, 31, 32]
    assert sample(LABELS, 10, np.array([], dtype=int)).tolist() == []


def test_samples_of_a_split_in_class_order_are_of_all_classes(subject):
    rows = figures.drawer("samples")(subject).numbers["images"]
    assert {row["label"] for row in rows} == set(range(10))


def test_examples_are_not_of_the_first_class_alone(subject):
    hits = (subject.evaluation.predictions == subject.evaluation.labels).numpy()
    chosen = examples(subject, 1, 1)
    assert [each.correct for each in chosen] == [True, False]
    assert [each.index for each in chosen] != [np.flatnonzero(hits)[0], np.flatnonzero(~hits)[0]]


def test_augmented_images_are_of_as_many_classes_as_there_are_columns(subject):
    train = subject.dataset.train
    labels = [
        train.labels[(train.images == image).all(axis=(1, 2, 3))][0]
        for image in augmentation._originals(subject.dataset)
    ]
    assert len(set(labels)) == augmentation.COUNT


def test_composite_images_are_of_several_classes(subject):
    figure = figures.drawer("composite")(subject).figure
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert len({title.partition(" ")[0] for title in titles[:8]}) == 8


@pytest.fixture(scope="module")
def partly_known(subject) -> Subject:
    """The same, where the digit of every fifth validation image is unknown."""
    val = subject.dataset.val
    digits = np.where(np.arange(len(val)) % 5, val.digits, NO_CLASS)
    dataset = replace(subject.dataset, val=replace(val, digits=digits))
    return subject_of(subject.run, subject.model, dataset)


def test_images_of_unknown_digit_are_in_no_share_of_the_composite_figure(partly_known):
    val = partly_known.dataset.val
    known = val.digits != NO_CLASS
    shares = figures.drawer("composite")(partly_known).numbers["aligned_share"]
    assert shares["val"] == pytest.approx((val.digits == val.labels)[known].mean())


def test_the_audit_of_composite_images_is_of_those_with_a_known_digit(partly_known):
    val = partly_known.dataset.val
    known = val.take(np.flatnonzero(val.digits != NO_CLASS))
    whole = subject_of(
        partly_known.run, partly_known.model, replace(partly_known.dataset, val=known)
    )
    part, same = (figures.drawer("audit")(each).numbers for each in (partly_known, whole))
    assert part["verdict"] == same["verdict"]
    of_all = {"accuracy"}
    assert {k: v for k, v in part["metrics"].items() if k not in of_all} == {
        k: v for k, v in same["metrics"].items() if k not in of_all
    }

"""Counts and nearest names, as messages have them."""

import pytest

from trainables.boundary.wording import counted, nearest


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 figures"), (1, "1 figure"), (2, "2 figures"), (1024, "1,024 figures")],
)
def test_a_count_has_its_noun_in_the_right_number(number, words):
    assert counted(number, "figure") == words


@pytest.mark.parametrize(
    ("name", "meant"),
    [("trial", "trials"), ("smapler", "sampler"), ("TRIALS", ""), ("", "trials"), (3, "")],
)
def test_the_nearest_name_begins_alike_or_is_alike(name, meant):
    assert nearest(name, ["trials", "sampler"]) == (f"; did you mean {meant}?" if meant else "")

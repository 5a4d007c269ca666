"""A time as a user writes it."""

from datetime import timedelta

import pytest

from search.request.parser import search_options
from search.request.time_span import seconds_of, written
from trainables.boundary.errors import UsageError


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("45m", timedelta(minutes=45)),
        ("2h30m", timedelta(hours=2, minutes=30)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("0h5m", timedelta(minutes=5)),
        ("10000d", timedelta(days=10_000)),
    ],
)
def test_days_hours_minutes_and_seconds_are_added(text, span):
    assert seconds_of(text) == span.total_seconds()


NO_SPANS = ["", "s", "90", "1.5h", "-5s", "+5s", "nan", "inf", "1e3s", "2h30", "30m2h", "1h1h"]
NO_SPANS += [
    "2h 30m",
    " 90s",
    "90s\n",
    "2:30:00",
    "90S",
    "1w",
    "٣s",
    "²s",
    "1_000s",
    "9" * 5000 + "s",
]


@pytest.mark.parametrize("text", NO_SPANS)
def test_anything_else_is_refused_in_a_line(text):
    with pytest.raises(UsageError, match=r"^--time: .* is not a duration; write ") as refused:
        search_options([f"--time={text}"])
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("text", ["0s", "0d0h", "10001d", "999999999d"])
def test_nothing_and_more_than_27_years_are_refused(text):
    with pytest.raises(UsageError, match=f"^--time: {text} must be more than 0s and at most"):
        search_options([f"--time={text}"])


@pytest.mark.parametrize("text", ["90s", "1m30s", "2h30m", "1d12h", "1d1s"])
def test_seconds_are_written_with_the_largest_units(text):
    shortest = "1m30s" if text == "90s" else text
    assert written(seconds_of(text)) == shortest

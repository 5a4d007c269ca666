"""The learning curves that benchmarks replay."""

import itertools

import pytest

from benchmarks.curves import METRICS, SPACE, main, read_curves, record, settings
from search.space.domain import check_point
from search.space.reader import SPACES, read_space
from trainables.boundary.errors import UsageError
from trainables.data import EMBEDDED


@pytest.fixture(scope="module")
def space():
    return read_space(SPACES / f"{SPACE}.yaml")


def test_every_recorded_setting_is_a_point_of_the_space_with_the_embedded_fixes(space):
    fixed = space.fixed_on(EMBEDDED, {})
    for curve in read_curves():
        check_point(space.search, curve.values)
        assert fixed.items() <= curve.values.items()


def test_every_recorded_curve_has_all_figures_of_all_epochs(space):
    for curve in read_curves():
        lengths = {len(curve.metrics[name]) for name in METRICS}
        assert len(lengths) == 1
        assert curve.diverged or lengths == {space.embedded.budget.epochs}


def test_the_settings_are_drawn_alike_each_time_and_begin_with_the_baseline(space):
    fixed = space.fixed_on(EMBEDDED, {})
    first, again = (list(itertools.islice(settings(space, fixed, 0), 8)) for _ in range(2))
    assert first == again
    assert first[0] == {**space.baseline, **fixed}
    assert [curve.values for curve in read_curves()[:8]] == first


def test_what_is_recorded_is_not_trained_again(tmp_path):
    file = tmp_path / "curves.jsonl"
    file.write_text("a curve\n" * 3)
    assert list(record(3, file)) == []
    assert file.read_text() == "a curve\n" * 3


def test_without_curves_the_command_that_makes_them_is_told(tmp_path):
    with pytest.raises(UsageError, match=r"python -m benchmarks\.curves --record"):
        read_curves(tmp_path / "none.jsonl")


def test_a_wrong_flag_is_refused_in_one_line(capsys):
    assert main(["--record", "many"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1

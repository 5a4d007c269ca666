"""A recorded search in Optuna's form."""

from dataclasses import replace

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from subjects import constructed, drawing_of, small_search

from analysis import figures
from analysis.study import after, common_epoch, study_of
from analysis.trials import RecordedSearch, rungs


def test_trials_are_compared_after_the_first_rung():
    search = small_search()
    assert common_epoch(search) == 2
    study = study_of(search, after(2))
    expected = [max(a for _, a in trial.scores[:2]) for trial in search.trials]
    assert [trial.value for trial in study.trials] == expected


def test_a_trial_that_did_not_get_so_far_is_left_out():
    assert len(study_of(small_search(), after(3)).trials) == 4


def test_settings_that_are_the_same_in_all_trials_are_left_out():
    (first, *_) = study_of(small_search(), after(2)).trials
    assert set(first.params) == {"lr", "optimizer"}


def test_ranges_are_those_that_were_tried():
    (first, *_) = study_of(small_search(), after(2)).trials
    assert first.distributions["lr"] == FloatDistribution(0.001, 0.032, log=True)
    assert first.distributions["optimizer"] == CategoricalDistribution(["adam", "sgd"])


def test_the_setting_that_decides_is_the_important_one():
    numbers = drawing_of("importance").numbers
    assert max(numbers["importance"], key=numbers["importance"].get) == "lr"
    assert sum(numbers["importance"].values()) == pytest.approx(1)


def test_importances_want_three_trials_a_setting():
    search = small_search()
    several = tuple(
        replace(
            trial,
            record=replace(
                trial.record,
                spec=replace(
                    trial.record.spec,
                    values={f"key_{n}": (n + 1) * trial.record.number for n in range(16)},
                ),
            ),
        )
        for trial in search.trials
    )
    subject = constructed("conv3")
    subject.__dict__["search"] = RecordedSearch("many", several, search.rungs)
    try:
        with pytest.raises(figures.NotApplicableError) as refused:
            figures.drawer("importance")(subject)
    finally:
        subject.__dict__["search"] = search
    assert str(refused.value) == "too few trials (6) for 16 settings; it needs 48, 3 per setting"


def test_a_search_of_one_trial_has_no_importances():
    subject = constructed("conv3")
    whole = subject.search
    subject.__dict__["search"] = RecordedSearch("one", whole.trials[:1], ())
    try:
        for name in ("importance", "parallel", "slices"):
            with pytest.raises(figures.NotApplicableError):
                figures.drawer(name)(subject)
    finally:
        subject.__dict__["search"] = whole


def test_rungs_are_the_grace_times_powers_of_the_factor():
    assert rungs(5, 3, 20) == (5, 15)
    assert rungs(2, 3, 6) == (2,)
    assert rungs(20, 3, 20) == ()

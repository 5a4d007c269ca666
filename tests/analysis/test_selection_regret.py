"""What a biased validation split would have cost, on made-up histories."""

from dataclasses import replace

import pytest
from subjects import JOB, constructed

from analysis.figures import NotApplicableError
from analysis.figures.selection_regret import draw
from analysis.regret import aligned_share, regret_of
from analysis.trials import RecordedSearch, RecordedTrial
from search.trials.record import Status
from search.trials.spec import TrialSpec


def trial(number: int, rows: list[tuple[float, float, float]], status="completed") -> RecordedTrial:
    """Of (aligned, conflicting, following) by epoch; a tenth of the images is aligned."""
    history = {
        "val_accuracy": [(e, 0.1 * a + 0.9 * c) for e, (a, c, _) in enumerate(rows, 1)],
        "val_accuracy_aligned": [(e, a) for e, (a, _, _) in enumerate(rows, 1)],
        "val_accuracy_conflicting": [(e, c) for e, (_, c, _) in enumerate(rows, 1)],
        "digit_following": [(e, f) for e, (_, _, f) in enumerate(rows, 1)],
    }
    return RecordedTrial.of(str(number), TrialSpec(JOB, number, {}), Status(status), history)


HONEST = trial(0, [(0.5, 0.5, 0.05), (0.7, 0.7, 0.03)])
CHEAT = trial(1, [(0.9, 0.5, 0.2), (1.0, 0.4, 0.4)])
SEARCH = RecordedSearch("made up", (HONEST, CHEAT), ())


def test_a_split_like_the_training_images_is_aligned_for_the_forced_and_a_tenth_of_the_rest():
    assert aligned_share(0.6) == pytest.approx(0.64)
    assert aligned_share(0.0) == pytest.approx(0.1)


def test_the_biased_split_chooses_the_cheat_and_the_price_is_told():
    found = regret_of(SEARCH, 0.64)
    assert (found.honest.trial, found.honest.epoch) == (0, 2)
    assert (found.misled.trial, found.misled.epoch) == (1, 2)
    assert found.misled.biased == pytest.approx(0.64 * 1.0 + 0.36 * 0.4)
    assert found.accuracy == pytest.approx(0.7 - (0.1 * 1.0 + 0.9 * 0.4))
    assert found.conflicting == pytest.approx(0.7 - 0.4)
    assert found.following == pytest.approx(0.4 - 0.03)


def test_a_split_that_is_not_biased_chooses_the_same():
    found = regret_of(SEARCH, 0.1)
    assert found.accuracy == 0 and found.honest == found.misled


@pytest.mark.parametrize("status", ["failed", "interrupted", "running"])
def test_a_trial_that_did_not_end_is_not_chosen(status):
    record = replace(CHEAT.record, status=Status(status))
    search = replace(SEARCH, trials=(HONEST, replace(CHEAT, record=record)))
    assert regret_of(search, 0.64).accuracy == 0


def test_of_equals_the_first_is_chosen():
    second = replace(HONEST.record, spec=replace(HONEST.record.spec, number=1))
    search = replace(SEARCH, trials=(HONEST, replace(HONEST, record=second)))
    assert regret_of(search, 0.64).misled.trial == 0


def test_an_epoch_that_lacks_a_figure_is_left_out():
    cut = {**CHEAT.history, "val_accuracy_aligned": CHEAT.history["val_accuracy_aligned"][:1]}
    search = replace(SEARCH, trials=(HONEST, replace(CHEAT, history=cut)))
    assert len(regret_of(search, 0.64).candidates) == 3


def test_the_figure_tells_the_price():
    subject = replace(constructed("gap5"))
    subject.__dict__["search"] = SEARCH
    drawing = draw(subject)
    assert drawing.numbers["regret"]["accuracy"] == pytest.approx(0.24)
    assert "24.0 points" in drawing.caption.shows
    assert "24.0 points" in drawing.figure.get_suptitle()


def test_without_a_second_trial_there_is_nothing_to_choose():
    subject = replace(constructed("gap5"))
    subject.__dict__["search"] = replace(SEARCH, trials=(HONEST,))
    with pytest.raises(NotApplicableError, match="fewer than two"):
        draw(subject)


def test_without_the_records_of_its_search_there_is_nothing_to_choose():
    with pytest.raises(NotApplicableError, match="not available"):
        draw(replace(constructed("gap5")))


def test_without_digits_there_is_no_shortcut():
    with pytest.raises(NotApplicableError, match="no digit"):
        draw(constructed("conv3", "cifar10"))


def test_random_training_digits_make_no_biased_split():
    subject = constructed("gap5")
    data = replace(subject.run.job.data, forced=0.0)
    spec = replace(subject.run.record.spec, job=replace(subject.run.job, data=data))
    run = replace(subject.run, record=replace(subject.run.record, spec=spec))
    with pytest.raises(NotApplicableError, match="random"):
        draw(replace(subject, run=run))


def test_where_the_searchs_own_split_was_biased_the_unbiased_accuracy_follows_from_its_groups():
    biased = replace(CHEAT, history={**CHEAT.history, "val_accuracy": [(1, 0.75), (2, 0.78)]})
    found = regret_of(RecordedSearch("made up", (HONEST, biased), ()), 0.64, recorded=0.64)
    assert found.honest.trial == 0
    assert found.misled.unbiased == pytest.approx(0.1 * 1.0 + 0.9 * 0.4)

"""What is read out of a search's records, on records made by hand."""

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from benchmarks.timeline import EpochReport, Pair, Timeline, read_timeline, table


def timeline(start, end, *reports):
    return Timeline(start, end, tuple(EpochReport(*report) for report in reports))


@pytest.fixture
def slow():
    """Two trials at once, from second 1000 to 1100; each epoch takes 20 s and 300 images."""
    return timeline(
        1000,
        1100,
        ("a", 1030, 20, 300, 0.4),
        ("b", 1035, 20, 300, 0.3),
        ("a", 1050, 20, 300, 0.6),
        ("b", 1090, 20, 300, 0.5),
    )


@pytest.fixture
def fast():
    return timeline(0, 50, ("a", 8, 4, 500, 0.5), ("b", 10, 4, 500, 0.6), ("c", 24, 10, 500, 0.7))


def test_start_up_ends_with_the_first_step(slow):
    assert slow.first_step == 10
    assert slow.first_report == 30


def test_a_rate_counts_all_images_over_the_whole_time(slow):
    figures = slow.figures()
    assert figures["images_per_second"] == 1200 / 100
    assert figures["images_per_second_training"] == 1200 / 80
    assert figures["trials_per_hour"] == 72
    assert figures["trials_per_hour_training"] == 90


def test_the_best_is_that_of_all_epochs_and_timed_at_its_first_report(slow):
    assert slow.best == 0.6
    assert slow.figures()["seconds_to_best"] == 50


def test_the_time_to_an_accuracy_is_that_of_the_first_report_that_reaches_it(fast):
    assert fast.time_to(0.55) == 10
    assert fast.time_to(0.6) == 10
    assert fast.time_to(0.71) is None


def test_a_pair_compares_rates_and_the_time_to_the_plain_searchs_best(slow, fast):
    pair = Pair(0, convoy=fast, plain=slow)
    assert pair.ratio("images_per_second") == pytest.approx((1500 / 50) / (1200 / 100))
    assert pair.ratio("images_per_second_training") == pytest.approx((1500 / 20) / (1200 / 80))
    assert pair.time_share == pytest.approx(10 / 50)
    assert "after 10.0 s, 0.20 of its time" in table(pair)


def test_an_accuracy_that_is_not_reached_is_told_so(slow, fast):
    pair = Pair(0, convoy=slow, plain=fast)
    assert pair.time_share is None
    assert "not reached" in table(pair)


def test_a_timeline_is_read_from_mlflow(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = MlflowClient(uri)
    experiment = client.create_experiment("some")
    client.create_run(experiment)  # one without a batch size, as a search's own run
    for batch_size, time in ((20, 7_500), (64, 6_250)):
        run = client.create_run(experiment).info.run_id
        client.log_param(run, "batch_size", batch_size)
        metrics = [Metric("val_accuracy", 0.5, time, 1), Metric("epoch_seconds", 2.0, time, 1)]
        client.log_batch(run, metrics=metrics)
    found = read_timeline(uri, 1.0, 9.0, lambda batch_size: 10 * batch_size)
    assert [(report.time, report.images) for report in found.reports] == [(6.25, 640), (7.5, 200)]
    assert found.first_step == 3.25


def test_records_without_a_report_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no trial"):
        read_timeline(f"sqlite:///{tmp_path}/mlflow.db", 0, 1, lambda batch_size: batch_size)

"""What a driver costs: told apart from constructed searches, and measured of tiny real ones."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.driver import DriverCosts, DriverUsage, main

ROOT = Path(__file__).parents[2]

COSTS = DriverCosts(report=0.012, trial=0.055, second=0.004, search=0.3)


def usage(trials: int, length: int, seconds: float) -> DriverUsage:
    reports = trials * length
    cpu = reports * COSTS.report + trials * COSTS.trial + seconds * COSTS.second + COSTS.search
    return DriverUsage(trials, reports, seconds, cpu)


def test_reports_trials_seconds_and_searches_are_told_apart():
    shapes = ((160, 1, 9.0), (40, 4, 8.0), (20, 16, 7.0), (160, 1, 30.0), (20, 16, 50.0))
    costs = DriverCosts.of([usage(*shape) for shape in shapes])
    for name in ("report", "trial", "second", "search"):
        assert getattr(costs, name) == pytest.approx(getattr(COSTS, name), rel=1e-6)


def test_no_cost_is_below_zero():
    costs = DriverCosts.of([DriverUsage(0, n, 1.0, 5.0 - n) for n in (1, 2, 3)])
    assert min(costs.report, costs.trial, costs.second, costs.search) >= 0


def test_a_driver_is_saturated_by_an_epochs_time_over_that_of_a_report_with_its_trials_share():
    assert COSTS.workers(epoch=10.0, epochs=5.0) == pytest.approx(10.0 / (0.012 + 0.055 / 5))


def test_a_wrong_flag_is_one_line_and_status_2(capsys):
    assert main(["--reports", "1"]) == 2
    assert capsys.readouterr().err == "error: --reports must be 16 or more, not 1\n"


@pytest.mark.slow
@pytest.mark.long
def test_searches_whose_trials_sleep_are_measured_and_written(tmp_path):
    file = tmp_path / "driver.json"
    flags = ["--reports", "16", "--epoch", "0.02", "--workers", "2", "--json", str(file)]
    command = [sys.executable, "-m", "benchmarks.driver", *flags]  # it starts a Ray of its own
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    searches = json.loads(file.read_text())["searches"]
    assert [each["trials"] for each in searches] == [16, 4, 1]
    assert searches[0]["reports"] == searches[2]["reports"] == 16  # trials of one epoch, and of 16
    assert all(each["cpu"] > 0 for each in searches)
    assert "workers that saturate it" in done.stdout

"""The command that tells how many workers a driver feeds."""

import json
from dataclasses import asdict

import pytest

from benchmarks.driver_costs import Costs, Rates
from benchmarks.saturation import main, read_costs

LOOP, LEDGER = Rates(0.030, 0.004, 0.01), Rates(0.03, 0.01, 0.0)
REST, STEPS = Rates(0.010, 0.001, 0.01), Rates(5.0, 2.0, 10.0)
COSTS = Costs(LOOP, LEDGER, REST, STEPS, poll=2e-6, turnover=0.04)


@pytest.fixture
def written(tmp_path):
    file = tmp_path / "costs.json"
    file.write_text(json.dumps({"costs": asdict(COSTS)}))
    return file


def test_costs_are_read_as_they_were_written(written):
    assert read_costs(str(written)) == COSTS


def test_with_costs_it_prints_and_writes_how_many_are_fed(written, tmp_path, capsys):
    file = tmp_path / "found.json"
    assert main(["--costs", str(written), "--check", "0", "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    by_epoch = [each["fed"] for each in found["feeding"]]
    assert by_epoch == sorted(by_epoch)
    assert found["remedies"]["as it is"] == by_epoch[1]
    assert read_costs(str(file)) == COSTS
    assert "95% fed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--check", "-1"], "--check must be 0 or more"),
        (["--check-epoch", "0"], "--check-epoch must be more than 0"),
        (["--seed", "-1"], "--seed must be 0 or more"),
        (["--costs", "/no/such/file"], "--costs /no/such/file"),
        (["--json", "/no/such/folder/file"], "is not there"),
    ],
)
def test_a_wrong_flag_is_one_line_and_status_2(flags, told, capsys):
    assert main(flags) == 2
    assert told in capsys.readouterr().err

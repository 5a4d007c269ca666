"""The command that measures what many trials cost."""

import json

import pytest

from benchmarks.scale import main


def test_it_prints_and_writes_what_each_part_of_a_trial_takes(tmp_path, capsys):
    file = tmp_path / "scale.json"
    assert main(["--trials", "12", "--trials", "24", "--json", str(file)]) == 0
    few, many = json.loads(file.read_text())
    assert (few["trials"], many["trials"]) == (12, 24)
    assert {"searcher", "scheduler", "board", "summary", "ledger"} <= set(few["cpu"])
    assert many["errors"] == 0
    printed = capsys.readouterr().out
    assert "24 trials" in printed
    assert "memory grew by" in printed


def test_the_bound_is_compared_seed_by_seed(tmp_path, capsys):
    file = tmp_path / "bound.json"
    flags = ["--bound", "--trials", "20", "--seeds", "2", "--json", str(file)]
    assert main(flags) == 0
    assert json.loads(file.read_text())["difference"]["best"]["mean"] == 0  # below the bound
    assert "95% interval" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--trials", "0"], "--trials must be 1 or more"),
        (["--seeds", "1"], "--seeds must be 2 or more"),
        (["--seed", "-1"], "--seed must be 0 or more"),
        (["--json", "/no/such/folder/file"], "is not there"),
        (["--trials", "few"], "invalid int value"),
        (["--bound", "--trials", "5", "--trials", "6"], "--bound takes one --trials"),
    ],
)
def test_a_wrong_flag_is_one_line_and_status_2(flags, told, capsys):
    assert main(flags) == 2
    assert told in capsys.readouterr().err

"""The command that measures what many trials cost."""

import json

import pytest

from benchmarks.scale import main


def test_it_prints_and_writes_what_each_part_of_a_trial_takes(tmp_path, capsys):
    file = tmp_path / "scale.json"
    assert main(["--trials", "12", "--trials", "24", "--json", str(file)]) == 0
    few, many = json.loads(file.read_text())["searches"]
    assert (few["trials"], many["trials"]) == (12, 24)
    assert {"searcher", "scheduler", "board", "summary", "mlflow"} <= set(few["cpu"])
    assert many["errors"] == 0
    printed = capsys.readouterr().out
    assert "24 trials" in printed
    assert "memory grew by" in printed


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--trials", "0"], "--trials must be 1 or more"),
        (["--json", "/no/such/folder/file"], "there is no folder /no/such/folder"),
        (["--json", "/tmp"], "--json /tmp: it is a folder; name a file in it"),
        (["--trials", "few"], "invalid int value"),
    ],
)
def test_a_wrong_flag_is_one_line_and_status_2(flags, message, capsys):
    assert main(flags) == 2
    assert message in capsys.readouterr().err

import json
import shutil
import subprocess
import sys

from conftest import ROOT, copied_store

from search.reconcile import main
from search.trials.files import read_histories


def test_the_command_says_that_there_is_no_such_search(tmp_path):
    command = [sys.executable, "-m", "search.reconcile", "none", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: none: there is no search of this name")


def test_the_summary_of_a_search_whose_driver_was_killed_tells_of_one_trial(tmp_path, finished):
    copied_store(finished, tmp_path)
    folder = tmp_path / "small"
    shutil.copytree(finished.out / "small", folder)
    summary = json.loads((folder / "summary.json").read_text())
    for name in ("records.json", "summary.json"):
        text = (folder / name).read_text().replace(str(finished.out), str(tmp_path))
        (folder / name).write_text(text)
    other = next(
        each.record
        for each in read_histories(folder)
        if each.record.trial_id != summary["best"]["trial_id"]
    )
    stale = {**summary, "status": "running"}
    stale["best"] = {**summary["best"], "trial_id": other.trial_id, "params": other.values}
    (folder / "summary.json").write_text(json.dumps(stale))
    assert main(["small", "--out", str(tmp_path)]) == 0
    found = json.loads((folder / "summary.json").read_text())
    assert found["best"].pop("checkpoint") == str(folder / "best" / "model.pt")
    del summary["best"]["checkpoint"]
    assert found == summary

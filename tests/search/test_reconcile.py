import subprocess
import sys

from conftest import ROOT


def test_the_command_says_that_there_is_no_such_search(tmp_path):
    command = [sys.executable, "-m", "search.reconcile", "none", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: none: there is no search of this name")

"""A real search whose trials sleep, metered; in a process of its own, as it starts Ray."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
CODE = """
import json
from dataclasses import asdict
from search import environment
environment.prepare(loopback=True)
from benchmarks.polling import poll_cost
from benchmarks.sleeping_search import Load, run
from search.cluster import cluster
from search.space import Budget

if __name__ == "__main__":
    budget = Budget(trials=12, epochs=3, grace_epochs=3)
    with cluster(None):
        found = [asdict(run(Load(2, 0.1, budget, flush), 2)) for flush in (True, False)]
        print(json.dumps({"poll": poll_cost(), "found": found}))
"""


@pytest.fixture(scope="module")
def metered(tmp_path_factory):
    script = tmp_path_factory.mktemp("script") / "metered.py"
    script.write_text(CODE)
    command = [sys.executable, str(script)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_trial_reports_as_often_as_it_has_epochs(metered):
    for each in metered["found"]:
        sample = each["sample"]
        assert sample["trials"] >= 8
        assert abs(sample["reports"] - 3 * sample["trials"]) <= 6  # of those under way at its ends


def test_no_part_of_the_driver_computes_more_than_the_whole(metered):
    for each in metered["found"]:
        sample = each["sample"]
        assert sample["loop"] > 0
        assert sample["ledger"] > 0
        assert sample["loop"] + sample["ledger"] <= sample["process"]


def test_workers_slept_a_share_of_their_time(metered):
    assert all(0 < each["idle"] < 1 for each in metered["found"])


def test_a_step_takes_longer_the_more_trials_are_under_way(metered):
    assert metered["poll"] > 0

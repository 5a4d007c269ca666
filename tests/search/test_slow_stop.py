"""A trial that takes its time to end once it was stopped costs no other trial."""

import json
import sys

import pytest
from conftest import run_as_user

PROGRAM = """
import json, time
from search import environment
environment.prepare(loopback=True)
import ray
from ray import tune

def train(config):
    try:
        for epoch in (1, 2):
            tune.report({"epoch": epoch, "val_accuracy": 0.5, "number": config["number"]})
    finally:
        time.sleep(3)  # as a validation pass does, that nothing breaks off

ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
found = tune.Tuner(
    train,
    param_space={"number": tune.grid_search([0, 1, 2])},
    tune_config=tune.TuneConfig(reuse_actors=True),
    run_config=tune.RunConfig(storage_path=OUT, stop={"epoch": 1}, verbose=0),
).fit()
print(json.dumps([[each.metrics.get("number"), str(each.error)] for each in found]))
"""


@pytest.mark.slow
@pytest.mark.long
def test_every_trial_is_trained_though_the_one_before_ends_seconds_after_its_stop(tmp_path):
    program = PROGRAM.replace("OUT", repr(str(tmp_path)))
    done = run_as_user([sys.executable, "-c", program], 300)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == [[0, "None"], [1, "None"], [2, "None"]], done.stderr[-2000:]

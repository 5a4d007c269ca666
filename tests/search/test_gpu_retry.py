"""A trial that a shared GPU has no memory for, by the real Tune on a GPU that Ray is told of."""

import json
import sys

import pytest
from conftest import run_as_user

SCRIPT = """
import json, ray, torch
from ray import tune
from search.driver.gpu_retry import GpuRetry

def train(config):
    share = tune.get_context().get_trial_resources().required_resources["GPU"]
    if share < config["needs"]:
        raise torch.OutOfMemoryError("CUDA out of memory")
    tune.report({"share": share})

ray.init("local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False)
results = tune.Tuner(
    tune.with_resources(train, {"cpu": 1, "gpu": 0.3}),
    param_space={"needs": tune.grid_search([0.2, 0.5, 0.9, 2.0])},
    run_config=tune.RunConfig(
        storage_path=STORAGE,
        callbacks=[GpuRetry()],
        failure_config=tune.FailureConfig(max_failures=2),
        verbose=0,
    ),
).fit()
told = {r.config["needs"]: None if r.error else r.metrics["share"] for r in results}
print("TOLD" + json.dumps(told))
"""


@pytest.mark.slow
@pytest.mark.long
def test_it_is_tried_again_on_twice_the_share_and_fails_on_a_whole_gpu_alone(tmp_path):
    script = SCRIPT.replace("STORAGE", repr(str(tmp_path)))
    done = run_as_user([sys.executable, "-c", script], 200)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("TOLD")]
    told = json.loads(line.removeprefix("TOLD"))
    assert told == {"0.2": 0.3, "0.5": 0.6, "0.9": 1.0, "2.0": None}

import os
from pathlib import Path

from ray import tune
from ray.tune.search import Searcher

from search.driver.resetting_workers import losing_resetting_workers

TRIALS, LOST = 3, 1


class DyingOnce(tune.Trainable):
    """Training whose worker dies as it is to take one of the trials, the first time."""

    def setup(self, config: dict) -> None:
        self.config = config

    def step(self) -> dict:
        return {"number": self.config["number"], "done": True}

    def reset_config(self, config: dict) -> bool:
        died = Path(config["died"])
        if config["number"] == LOST and not died.exists():
            died.touch()
            os._exit(1)
        self.setup(config)
        return True

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: it resumes from none."""


class Counting(Searcher):
    """Proposes trials by their numbers."""

    def __init__(self, died: Path) -> None:
        super().__init__()
        self._died, self._next = died, 0

    def suggest(self, trial_id: str) -> dict:
        self._next += 1
        return {"number": self._next - 1, "died": str(self._died)}

    def on_trial_complete(self, trial_id, result=None, error=False) -> None:
        """Learns nothing."""


def test_a_trial_whose_worker_dies_while_it_takes_it_is_tried_again(one_ray, tmp_path):
    died = tmp_path / "died"
    method = tune.TuneConfig(num_samples=TRIALS, search_alg=Counting(died), reuse_actors=True)
    run = tune.RunConfig(
        storage_path=str(tmp_path), failure_config=tune.FailureConfig(max_failures=1), verbose=0
    )
    whole = tune.with_resources(DyingOnce, {"cpu": os.cpu_count()})  # one trial at once
    with losing_resetting_workers():
        results = tune.Tuner(whole, tune_config=method, run_config=run).fit()
    assert not results.errors
    assert died.exists()
    assert sorted(each.metrics["number"] for each in results) == list(range(TRIALS))

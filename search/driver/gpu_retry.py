"""More memory on a GPU for a trial that the others on it left too little."""

from pathlib import Path
from typing import Any

from ray.tune import Callback, PlacementGroupFactory
from ray.tune.experiment import Trial


class GpuRetry(Callback):  # type: ignore[misc]
    """Tune's callback: a trial that a GPU had no memory for is tried again on twice the share.

    Its share is a promise, not a limit: trials that share a GPU may together need more than it has.
    With twice the share it has half as many neighbours, at last none.
    """

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """Tune is about to try a trial again."""
        share = trial.placement_group_factory.required_resources
        if 0 < share.get("GPU", 0) < 1 and _lacked_memory(trial):
            larger = {**share, "GPU": min(1.0, 2 * share["GPU"])}
            trial.update_resources(PlacementGroupFactory([larger]))


def _lacked_memory(trial: Trial) -> bool:
    path = trial.error_file
    return bool(path) and "torch.OutOfMemoryError" in Path(path).read_text(errors="replace")

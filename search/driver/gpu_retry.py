"""Gives a trial that ran out of GPU memory a larger share of the GPU."""

from pathlib import Path
from typing import Any

from ray.tune import Callback, PlacementGroupFactory
from ray.tune.experiment import Trial


class GpuRetry(Callback):  # type: ignore[misc]
    """Tune's callback: a trial that ran out of GPU memory is tried again with twice the share.

    A share is a promise, not a limit: trials that share a GPU may together need more than it has.
    With twice the share a trial has half as many neighbours, in the end none.
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

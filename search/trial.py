"""One trial, as Ray Tune runs it in a worker."""

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from ray import tune

from search.task import Job, Task
from trainables.checkpoint import load as load_state
from trainables.checkpoint import save as save_state
from trainables.data import load
from trainables.device import best_device, use_threads
from trainables.training import TrainingData, fit

STATE_FILE = "state.pt"


def train_trial(config: dict[str, Any]) -> None:
    """Train one task, reporting to Tune after every epoch with a checkpoint to go on from."""
    task = Task.from_config(config)
    use_threads(task.job.cpus)
    data = _training_data(task.job)
    for epoch in fit(task.setting, data, _restored()):
        with tempfile.TemporaryDirectory() as folder:
            save_state(epoch.state, Path(folder) / STATE_FILE)
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report({**epoch.metrics, "epoch": epoch.number}, checkpoint=checkpoint)


def _restored() -> dict[str, Any] | None:
    checkpoint = tune.get_checkpoint()
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        return load_state(Path(folder) / STATE_FILE, best_device())


@lru_cache(maxsize=1)
def _training_data(job: Job) -> TrainingData:
    """The data of the job, once a worker: Tune reuses workers for trial after trial."""
    dataset = load(job.data, job.source).limited(job.train_limit, job.val_limit)
    return TrainingData.of(dataset, best_device())

"""One trial, as Ray Tune runs it in a worker."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from ray import tune

from search.reports import Reports
from search.state_file import STATE_FILE
from search.task import Job, Task
from trainables.checkpoint import load as load_state
from trainables.data import load
from trainables.device import best_device, use_threads
from trainables.training import TrainingData, steps


def train_trial(config: dict[str, Any]) -> None:
    """Train one task, reporting to Tune after every epoch with a checkpoint to go on from.

    Raises:
        SystemExit: Tune has stopped the trial.
    """
    task = Task.from_config(config)
    use_threads(task.job.cpus)
    data = training_data(task.job)
    with Reports() as reports:
        for epoch in steps(task.setting, data, _restored()):
            if epoch is not None:
                reports.send(epoch)
            elif reports.stopped:
                raise SystemExit(0)


def _restored() -> dict[str, Any] | None:
    checkpoint = tune.get_checkpoint()
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        return restored_from(Path(folder))


def restored_from(folder: Path) -> dict[str, Any]:
    """The training's state in a checkpoint's folder."""
    return load_state(folder / STATE_FILE, best_device())


@lru_cache(maxsize=1)
def training_data(job: Job) -> TrainingData:
    """The data of the job, once a worker: Tune reuses workers for trial after trial."""
    dataset = load(job.data, job.source).limited(job.train_limit, job.val_limit)
    return TrainingData.of(dataset, best_device())

"""Trains one trial in a worker, as Ray Tune runs it."""

import traceback
from collections.abc import Collection
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from ray import tune

from search.trials.checkpoints import STATE_FILE, checkpoints, intact_epoch
from search.trials.provenance import signed
from search.trials.source_files import source_files
from search.trials.spec import Job, TrialSpec
from search.workers.failing import check_shared, report_failure
from search.workers.reporting import Pace, Reports
from trainables.checkpoint import load as load_state
from trainables.data import load
from trainables.device import best_device, dtype_of, use_threads
from trainables.training import TrainingData, steps


def train_trial(config: dict[str, Any], milestones: Collection[int]) -> None:
    """Train one trial and report its epochs to Tune, with checkpoints to resume from.

    An exception ends only this trial: Tune gets it as a result. It is raised only if another
    attempt may help, see ``search.trials.failure``. Tune itself notices the loss of a worker.

    Raises:
        SystemExit: Tune has stopped the trial.
        torch.OutOfMemoryError: a GPU that other trials share ran out of memory.
    """
    task = TrialSpec.from_config(config)
    try:
        check_shared()
        _train(task, Pace(milestones))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        report_failure(error, traceback.format_exc(), task.job.metric)


def _train(task: TrialSpec, pace: Pace) -> None:
    use_threads(task.job.cpus)
    data = training_data(task.job)
    source_files(task.job.architecture)  # read now, as they may be edited during the training
    with Reports(pace, partial(signed, architecture=task.job.architecture)) as reports:
        for epoch in steps(task.setting, data, _restored()):
            if epoch is not None:
                reports.send(epoch)
            else:
                reports.raise_if_stopped()


def _restored() -> dict[str, Any] | None:
    checkpoint = tune.get_checkpoint()
    return None if checkpoint is None else restored_from(Path(checkpoint.path))


def restored_from(folder: Path) -> dict[str, Any] | None:
    """The training's state in a checkpoint's folder, or in an earlier one if that is damaged.

    None if all are damaged: the training then begins again, and the driver skips epochs that it
    knows.
    """
    for each in checkpoints(folder.parent):
        if each.name <= folder.name and intact_epoch(each) is not None:
            return load_state(each / STATE_FILE, best_device())
    return None


@lru_cache(maxsize=1)
def training_data(job: Job) -> TrainingData:
    """The data of the job, loaded once in a worker, as Tune reuses workers for further trials."""
    dataset = load(job.data, job.source).limited(job.train_limit, job.val_limit)
    dtype = dtype_of(job.validation_dtype) if job.validation_dtype else None
    return TrainingData.of(dataset, best_device(), dtype, job.metric)

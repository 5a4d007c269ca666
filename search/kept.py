"""What is kept of a trial: weights, settings and space file, as files."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from search.scoreboard import TrialRecord
from search.state_file import STATE_FILE
from search.summary import versions
from search.task import Task
from trainables.checkpoint import load, save
from trainables.data import Dataset
from trainables.device import best_device, training_dtype

WEIGHTS_FILE, SETTING_FILE, SPACE_FILE = "model.pt", "setting.json", "space.yaml"


def write_kept(
    folder: Path,
    record: TrialRecord,
    task: Task,
    checkpoint: Path,
    dataset: Dataset,
    space: Path | None,
) -> Path:
    """Write a trial into ``folder``, which is made anew; the path of its weights.

    ``model.pt`` is the state dict of the best epoch, ``setting.json`` everything that is needed to
    build the network, load its data and repeat its figures, ``space.yaml`` the space as read.

    Args:
        folder: where to write.
        record: the trial.
        task: its task.
        checkpoint: folder of its latest checkpoint, which holds the best epoch's weights too.
        dataset: what it was trained on.
        space: the space file, if there is one.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    best = load(checkpoint / STATE_FILE)["best"]
    if best["epoch"] != record.best_epoch:
        raise RuntimeError(
            f"{checkpoint} holds epoch {best['epoch']} as the best, the records say "
            f"{record.best_epoch}"
        )
    save(best["model"], folder / WEIGHTS_FILE)
    (folder / SETTING_FILE).write_text(json.dumps(_described(record, task, dataset), indent=2))
    if space is not None:
        shutil.copyfile(space, folder / SPACE_FILE)
    return folder / WEIGHTS_FILE


def _described(record: TrialRecord, task: Task, dataset: Dataset) -> dict[str, Any]:
    device = best_device()
    return {
        "trial_id": record.trial_id,
        "setting": task.setting.as_dict(),
        "job": asdict(task.job),
        "data": dataset.described(),
        "best_epoch": record.best_epoch,
        "metrics": record.best,
        "device": device.type,
        "training_dtype": str(training_dtype(device)).removeprefix("torch."),
        "validation_dtype": "float32",
        "versions": versions(),
    }

"""Saves a trial as files: weights, settings and space file."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from search.records.search_file import SPACE_FILE
from search.trials.checkpoints import STATE_FILE
from search.trials.provenance import Provenance, provenance_in
from search.trials.record import TrialRecord
from trainables.checkpoint import load, save
from trainables.recipe import Setting

WEIGHTS_FILE, SETTING_FILE = "model.pt", "setting.json"


def write_saved_model(
    folder: Path,
    record: TrialRecord,
    checkpoint: Path,
    data: dict[str, Any],
    search: Path,
) -> Path | None:
    """Write a trial into ``folder``, which is replaced; the path of its weights.

    None if the checkpoint does not hold the best epoch, because the one that did was removed.

    ``model.pt`` is the state dict of the best epoch, ``setting.json`` everything that is needed to
    build the network, load its data and repeat its metrics, ``space.yaml`` the space as read.

    Args:
        folder: folder to write.
        record: the trial.
        checkpoint: folder of its latest checkpoint, which also holds the best epoch's weights.
        data: name, sizes and fingerprint of the training data.
        search: the search's folder, which holds its space file if there is one.
    """
    state = load(checkpoint / STATE_FILE)
    if state["best"]["epoch"] != record.best_epoch:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save(state["best"]["model"], folder / WEIGHTS_FILE)
    described = _described(record, data, provenance_in(state))
    (folder / SETTING_FILE).write_text(json.dumps(described, indent=2))
    if (search / SPACE_FILE).exists():
        shutil.copyfile(search / SPACE_FILE, folder / SPACE_FILE)
    return folder / WEIGHTS_FILE


def _described(record: TrialRecord, data: dict[str, Any], provenance: Provenance) -> dict[str, Any]:
    return {
        "trial_id": record.trial_id,
        "setting": asdict(record.spec.setting),
        "job": asdict(record.spec.job),
        "data": data,
        "best_epoch": record.best_epoch,
        "metrics": record.best,
        **asdict(provenance),
    }


class SavedModelData(BaseModel):
    """The data's description in a ``setting.json``."""

    name: str
    train: int
    val: int
    fingerprint: str


class SavedModel(BaseModel):
    """The parts of a ``setting.json`` that are read, besides the provenance."""

    setting: Setting
    job: dict[str, Any]
    data: SavedModelData
    best_epoch: int
    trial_id: str = ""

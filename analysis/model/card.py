"""``labels.json``: the card that describes a model, for people and programs."""

import hashlib
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from analysis.audit.intervals import share
from analysis.certificate import Certificate
from analysis.drawn import Gallery
from analysis.model import CARD, FORMAT
from analysis.report.document import audit_verdict
from analysis.sealed import Seal
from analysis.subject import Subject
from trainables.boundary.atomic import atomic_file
from trainables.data import Split


def card_of(
    subject: Subject, certificate: Certificate, files: dict[str, str], missing: dict[str, str]
) -> dict[str, Any]:
    """The card of a model before its test and audit, as JSON values.

    Args:
        subject: the run.
        certificate: the run's certificate.
        files: SHA-256 of the folder's other files by name.
        missing: the reason why a file could not be made, by the file's name.
    """
    run, dataset = subject.run, subject.dataset
    images = len(dataset.val)
    height, width, channels = dataset.image_shape
    accuracy = share(np.arange(images) < round(certificate.float32_val_accuracy * images))
    return {
        "format": FORMAT,
        "classes": dataset.classes,
        "input": {"height": height, "width": width, "channels": channels, "fit": run.job.data.fit},
        "mean": dataset.mean,
        "std": dataset.std,
        "architecture": run.setting.architecture,
        "search": run.search,
        "run_id": run.run_id,
        "described": run.described,
        "metric": run.job.metric,
        "accuracy": None if accuracy is None else {**asdict(accuracy), "split": "val"},
        "sealed_test": None,
        "audit": None,
        "certified": certificate.certified,
        "best_epoch": run.best_epoch,
        "setting": asdict(run.setting),
        "data": {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "remark": dataset.remark,
            "splits": {name: _described(split) for name, split in dataset.splits.items()},
        },
        "versions": {
            "convoy": certificate.code,
            **certificate.versions,
            "onnx": version("onnx"),
        },
        "files": files,
        "missing": missing,
    }


def _described(split: Split) -> dict[str, Any]:
    digest = hashlib.sha256()
    for array in (split.images, split.labels, split.digits):
        digest.update(b"" if array is None else np.ascontiguousarray(array).data)
    return {"images": len(split), "fingerprint": digest.hexdigest()}


def add_findings(folder: Path, seal: Seal, gallery: Gallery) -> None:
    """Add the results of the sealed test and of the audit to the card in ``folder``."""
    path = folder / CARD
    card = json.loads(path.read_text(encoding="utf-8"))
    write_card({**card, "sealed_test": _sealed_test(seal), "audit": _audit(gallery)}, path)


def write_card(card: dict[str, Any], path: Path) -> None:
    """Write ``card`` to ``path`` atomically."""
    with atomic_file(path) as file:
        file.write(json.dumps(card, indent=2, ensure_ascii=False).encode())


def _sealed_test(seal: Seal) -> dict[str, Any] | None:
    """The run's reading of the test labels, or why there is none; None if none was due."""
    shown = seal.shown
    if shown is None:
        return {"unread": seal.unread} if seal.unread else None
    return {
        "time": shown.time.isoformat(),
        "reading": seal.readings.index(shown) + 1,
        **{name: asdict(each) for name, each in shown.estimates.items()},
        "remark": seal.spent,
    }


def _audit(gallery: Gallery) -> dict[str, Any] | None:
    """The audit's verdict and evidence, in sentences; None without an audit."""
    numbers = next((figure.numbers for figure in gallery.drawn if figure.name == "audit"), None)
    if numbers is None:
        return None
    return {"verdict": audit_verdict(numbers), "evidence": numbers["verdict_evidence"]}

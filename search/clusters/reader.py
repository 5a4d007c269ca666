"""``configs/clusters/*.yaml``: where a search can be sent, read and validated."""

import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from pydantic import ValidationError

from search.clusters import kinds
from search.clusters.base import Backend
from search.clusters.config import Cluster
from trainables.boundary.errors import UsageError
from trainables.boundary.validation import first_fault


def available() -> dict[str, str]:
    """The kinds of clusters, as their files name them, and their modules."""
    names = sorted(module.name for module in pkgutil.iter_modules(kinds.__path__))
    return {name.replace("_", "-"): name for name in names}


def read_cluster(path: Path) -> Cluster:
    """The cluster that the file describes.

    Raises:
        UsageError: it cannot be read, or a key is unknown, missing or wrong.
    """
    try:
        written: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--cluster {path}: cannot be read ({error})") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        line = " ".join(str(error).split())[:200]
        raise UsageError(f"--cluster {path}: not YAML ({line})") from error
    kind = written.get("kind") if isinstance(written, dict) else None
    if not isinstance(kind, str) or kind not in available():
        names = ", ".join(available())
        raise UsageError(f"--cluster {path}: kind: must be one of {names}, not {kind!r}")
    try:
        cluster: Cluster = _module(kind).MODEL.model_validate(written)
    except ValidationError as error:
        raise UsageError(f"--cluster {path}: {first_fault(error)}") from error
    return cluster


def backend_of(cluster: Cluster) -> Backend:
    """What sends to ``cluster`` and asks it."""
    backend: Backend = _module(cluster.kind).backend(cluster)
    return backend


def _module(kind: str) -> ModuleType:
    return import_module(f"{kinds.__name__}.{available()[kind]}")

"""Reads and validates the files of clusters, such as ``configs/clusters/ray.yaml``."""

import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

from search.clusters import kinds
from search.clusters.base import Backend
from search.clusters.config import Cluster
from search.space.document import Document
from trainables.boundary.errors import UsageError

MAX_BYTES = 100_000  # maximum size of a cluster's file


def available() -> dict[str, str]:
    """The kinds of clusters, as cluster files name them, with their modules."""
    names = sorted(module.name for module in pkgutil.iter_modules(kinds.__path__))
    return {name.replace("_", "-"): name for name in names}


def read_cluster(path: Path) -> Cluster:
    """The cluster that a file describes.

    Raises:
        UsageError: the file cannot be read, or a key is unknown, missing or wrong.
    """
    try:
        document = Document(path, MAX_BYTES)
        kind = document.text("kind")
        if kind not in available():
            names = ", ".join(available())
            raise UsageError(f"kind: must be one of {names}, not {kind!r}")
        cluster: Cluster = document.validated(_module(kind).MODEL)
    except ValueError as error:
        raise UsageError(f"--cluster {path}: {error}") from error
    return cluster


def backend_of(cluster: Cluster) -> Backend:
    """The backend for ``cluster``."""
    backend: Backend = _module(cluster.kind).backend(cluster)
    return backend


def _module(kind: str) -> ModuleType:
    return import_module(f"{kinds.__name__}.{available()[kind]}")

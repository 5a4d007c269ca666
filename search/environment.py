"""Environment variables that must be set before Ray and MLflow are imported."""

import os
import warnings

_SETTINGS = {
    # Without it Ray listens on every interface, even on one machine; its name does not say so.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # A search sends nothing to anyone.
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Artifacts are small; a bar for each only clutters the terminal.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # By default MLflow tries to call a silent tracking server for minutes. The records are written
    # again once it answers.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # Against a server, MLflow prints two lines for every run that ends.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Convoy shows its own progress; Tune's newer output prints a banner even when it is silenced.
    "RAY_AIR_NEW_OUTPUT": "0",
    # A search handles SIGINT itself; Tune's handler would stay after its loop has ended.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # No CSV and TensorBoard files of Tune's: nothing here reads them. It still writes JSON lines.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # glibc returns every large block to the system at once, and the next step faults its pages in
    # again. Workers inherit these: gap5 trains a tenth faster, on as much memory.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(4 * 2**30),
    "MALLOC_TOP_PAD_": str(64 * 2**20),
    # Ray reports a worker that died in ten lines of its own; the trial's line says it in one.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    # Likewise for a call to a worker whose answer is no longer awaited.
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    # Nothing here reads Tune's snapshots of the whole search: one at the end is enough.
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    # Tune starts workers one after the other unless it proposes the trials itself: a thousand would
    # take an hour. ``search.driver.concurrency`` decides how many may run.
    "TUNE_MAX_PENDING_TRIALS_PG": "1000",
    # A worker that gets the next trial first waits until its stopped trial has ended. A validation
    # pass is not interrupted; after two seconds, Tune's default, the worker would silently give the
    # next trial up.
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "86400",
    # Silences a notice about a future default; no trial here depends on it.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

# The variables that a worker needs too if another machine starts it.
_FOR_WORKERS = (
    "MALLOC_MMAP_MAX_",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "TUNE_FUNCTION_THREAD_TIMEOUT_S",
)


def for_workers() -> dict[str, str]:
    """The variables that workers of a running cluster must have."""
    return {name: os.environ.get(name, _SETTINGS[name]) for name in _FOR_WORKERS}


def for_nodes(*, loopback: bool) -> dict[str, str]:
    """The variables that the nodes of a cluster made for a search must have.

    Args:
        loopback: whether Ray listens on loopback alone, as in a cluster of one node.
    """
    names = [
        "RAY_USAGE_STATS_ENABLED",
        *(["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] if loopback else []),
    ]
    return {name: _SETTINGS[name] for name in names}


def prepare(*, loopback: bool) -> None:
    """Set the variables that are not set yet, and silence a warning that does not matter here.

    Args:
        loopback: whether a Ray that starts in this process listens on loopback alone.
    """
    for name, value in _SETTINGS.items():
        if name != "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" or loopback:
            os.environ.setdefault(name, value)
    # tqdm warns so in a notebook without widgets, about bars that nothing here shows.
    warnings.filterwarnings("ignore", message="IProgress not found")

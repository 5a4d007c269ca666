"""Environment variables that must stand before Ray and MLflow are imported."""

import os
import warnings

_SETTINGS = {
    # Ray listens on every interface otherwise, even on one machine; the name says nothing of it.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # A search sends nothing to anyone.
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Artifacts are small; a bar for each only clutters the terminal.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # By default a call to a tracking server that is silent is tried for minutes. The records are
    # written again once it answers.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # Against a server, MLflow prints two lines for every run that ends.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # Convoy shows its own progress; Tune's newer output prints a banner even when it is silenced.
    "RAY_AIR_NEW_OUTPUT": "0",
    # A search listens to SIGINT itself; Tune's handler would stay when its loop has ended.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # Tune's CSV and TensorBoard files, which nothing here reads; the JSON lines are asked for.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # glibc returns every large block to the system at once, and the next step faults its pages in
    # again. Workers inherit these: gap5 trains a tenth faster, on as much memory.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(4 * 2**30),
    "MALLOC_TOP_PAD_": str(64 * 2**20),
    # Ray reports a worker that died in ten lines of its own; the trial's line says it in one.
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    # The same of a call to a worker whose answer nobody waits for any more.
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    # Tune's snapshots of the whole search, of which nothing here is read: one at the end will do.
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    # Tune starts one worker after the other where not itself proposes the trials: a thousand would
    # take an hour. How many there may be is decided by ``search.driver.concurrency``.
    "TUNE_MAX_PENDING_TRIALS_PG": "1000",
    # A worker that gets the next trial first waits until the one before, that was stopped, has
    # ended. A validation pass is not broken off; after two seconds, Tune's default, it would give
    # the next trial up without telling anyone.
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "86400",
    # Silences a notice about a future default that no trial here depends on.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}

# Those that a worker needs too, where another machine starts it.
_FOR_WORKERS = (
    "MALLOC_MMAP_MAX_",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "TUNE_FUNCTION_THREAD_TIMEOUT_S",
)


def for_workers() -> dict[str, str]:
    """What the workers of a cluster that runs already must have set."""
    return {name: os.environ.get(name, _SETTINGS[name]) for name in _FOR_WORKERS}


def for_nodes(*, loopback: bool) -> dict[str, str]:
    """What the nodes of a cluster that is made for a search must have set.

    Args:
        loopback: whether Ray listens on loopback alone: for a cluster of one node.
    """
    names = [
        "RAY_USAGE_STATS_ENABLED",
        *(["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] if loopback else []),
    ]
    return {name: _SETTINGS[name] for name in names}


def prepare(*, loopback: bool) -> None:
    """Set what is not set already, and silence a warning that means nothing here.

    Args:
        loopback: whether a Ray that is started here listens on loopback alone.
    """
    for name, value in _SETTINGS.items():
        if name != "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" or loopback:
            os.environ.setdefault(name, value)
    # tqdm's, in a notebook without widgets, for bars that nothing here shows.
    warnings.filterwarnings("ignore", message="IProgress not found")

"""Environment variables that must stand before Ray and MLflow are imported."""

import os

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
    # Silences a notice about a future default that no trial here depends on.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def prepare(*, loopback: bool) -> None:
    """Set what is not set already.

    Args:
        loopback: whether a Ray that is started here listens on loopback alone.
    """
    for name, value in _SETTINGS.items():
        if name != "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" or loopback:
            os.environ.setdefault(name, value)

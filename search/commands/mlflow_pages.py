"""MLflow's pages of a search: their addresses, and MLflow's server for them."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote

from mlflow.entities import Run

from search.records.experiment import VIEW
from search.records.run_reader import RecordedRuns
from search.request.flags import PORTS
from trainables import scores
from trainables.best_epoch import ACCURACY, figure_of
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked

TOP = 5  # number of best trials to compare
HOST = "127.0.0.1"
# Browsers block these ports (https://fetch.spec.whatwg.org/#port-blocking), and many below 1024.
REFUSED = {0, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6679, 6697, 10080}
REFUSED |= {*range(6665, 6670)}


def pages_of(records: RecordedRuns, name: str | None) -> tuple[str, dict[str, str]]:
    """A title, and the paths of the pages of search or leaderboard ``name``; None is the latest.

    Raises:
        UsageError: there is no such search, or none of its trials has been trained for an epoch.
    """
    with records.answering():
        search = _search_run(records, name)
        runs = _best_runs(records, search)
        home = records.client.get_experiment(search.info.experiment_id)
    ids = f"runs={_json([run.info.run_id for run in runs])}"
    ids += f"&experiments={_json(sorted({run.info.experiment_id for run in runs}))}"
    figure = _figure(search)
    metric = f'metric="{figure}"&plot_metric_keys=["{figure}"]&x_axis=step'
    pages = {"compare": f"compare-runs?{ids}", "curves": f"metric?{ids}&{quote(metric, '=&')}"}
    pages["search"] = f"experiments/{home.experiment_id}/runs/{search.info.run_id}?"
    if f"mlflow.sharedViewState.{VIEW}" in home.tags:
        pages["searches"] = f"experiments/{home.experiment_id}/runs?viewStateShareKey={VIEW}"
    title = f"{search.data.tags['convoy.search']}, the best {len(runs)} of its trials"
    # Without a workflow, MLflow shows the menu for language models.
    return title, {page: f"/#/{path}&workflowType=machine_learning" for page, path in pages.items()}


def _json(ids: list[str]) -> str:
    return quote(json.dumps(ids, separators=(",", ":")))


def _search_run(records: RecordedRuns, name: str | None) -> Run:
    kind = "tags.convoy.kind != 'trial' and tags.convoy.kind != 'finalist'"

    def latest(condition: str = kind) -> list[Run]:
        return _runs(records, condition, "attributes.start_time")

    runs = records.of_search(name, lambda own: latest(f"{kind} and {own}")) if name else latest()
    if runs:
        return runs[0]
    missing = f"--search {name}: no search of this name" if name else "no search"
    raise UsageError(
        f"{missing} is recorded in {records.uri}; begin one: python -m search.run --space gap5"
    )


def _best_runs(records: RecordedRuns, search: Run) -> list[Run]:
    """The best trials of a search; of a leaderboard, the winners of its searches."""
    name = search.data.tags["convoy.search"]
    condition = f"tags.`mlflow.parentRunId` = '{search.info.run_id}' and tags.convoy.kind = 'trial'"
    if search.data.tags["convoy.kind"] == "leaderboard":
        condition = f"tags.convoy.leaderboard = '{name}' and tags.convoy.winner = 'true'"
    best = f"metrics.best_{_figure(search)}"
    if runs := _runs(records, f"{condition} and {best} >= 0", best):
        return runs
    raise UsageError(f"{name}: no trial has ended yet; wait for the first")


def _figure(search: Run) -> str:
    """The metric that judges the trials of a search; for a leaderboard the accuracy."""
    metric = search.data.params.get("metric", ACCURACY)
    return figure_of(metric if metric in scores.available() else ACCURACY)


def _runs(records: RecordedRuns, condition: str, order: str) -> list[Run]:
    experiments = records.client.search_experiments(filter_string="name LIKE 'convoy/%'")
    ids = [each.experiment_id for each in experiments]
    return list(records.client.search_runs(ids, condition, 1, TOP, [f"{order} DESC"]))


@contextmanager
def mlflow_server(uri: str, port: int | None) -> Iterator[str]:
    """Run MLflow's server for the store at ``uri``, on loopback alone; its address."""
    port = _free(PORTS if port is None else range(port, port + 1))
    command = [sys.executable, *f"-m mlflow server --workers 1 --host {HOST} --port {port}".split()]
    # The list of processes must not show the URI, which may hold a password. With MLflow's jobs,
    # eight more processes of 235 MB each would start.
    variables = {"MLFLOW_BACKEND_STORE_URI": uri, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with tempfile.TemporaryFile() as log:
        # The server gets a session of its own: Ctrl-C reaches only this process, which ends it.
        server = subprocess.Popen(
            command, env=os.environ | variables, stdout=log, stderr=log, start_new_session=True
        )
        try:
            while not _listens(port):
                if server.poll() is not None:
                    log.seek(0)
                    last = masked(log.read().decode(errors="replace").strip().rpartition("\n")[2])
                    raise UsageError(f"MLflow's server does not start: {last[:300]}")
                time.sleep(0.2)
            yield f"http://{HOST}:{port}"
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):  # SIGKILL ends what SIGTERM did not
                with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(server.pid, number)
                    server.wait(timeout=5)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port)):
        return True
    return False


def _free(ports: range) -> int:
    for port in ports:
        with suppress(OSError, OverflowError), socket.create_server((HOST, port)):
            if port not in REFUSED:
                return port
    which = f"{ports[0]} to {ports[-1]}" if len(ports) > 1 else ports[0]
    raise UsageError(f"--port {which}: in use, or blocked by browsers; choose another")

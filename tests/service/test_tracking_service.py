"""The tracking service as ``compose.yaml`` runs it, on loopback, and searches that log to it.

``make service-test`` installs what is needed; without it these tests are skipped.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import ROOT, SMALL, run_here
from mlflow import MlflowClient
from postgres import programs, secret
from tracking_service import SCRIPT, Service, User, provide, server_environment, tracking_service

from analysis.record import Records
from search.reconcile import main as reconcile
from search.records import permission
from search.records.about import About, Place
from search.records.mlflow_runs import MlflowRuns
from search.records.mlflow_writer import MlflowWriter
from search.run import main as search
from search.trials.files import TrialFiles
from search.trials.record import Status, TrialRecord
from search.trials.spec import BASELINE, Job, TrialSpec
from search.workers.failing import describe
from trainables.boundary.errors import UsageError
from trainables.data import DataSpec

pytestmark = pytest.mark.slow
METRICS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr")
JOB = Job("gap5", DataSpec("composite"), "embedded", None, None, 4, 7, 1)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    found = programs()
    if found is None:
        pytest.skip("no PostgreSQL; make service-test installs it where it can")
    for module, package in (("flask_wtf", "mlflow[auth]"), ("psycopg", "psycopg[binary]")):
        if find_spec(module) is None:
            pytest.skip(f"no {package}; pip install -c constraints.txt -e '.[service]'")
    with (
        tempfile.TemporaryDirectory(prefix="convoy-tracking-") as folder,
        tracking_service(found, Path(folder)) as running,
    ):
        yield running


@contextmanager
def logged_in(user: User | None):
    """MLflow's client in this process as ``user``, or as nobody."""
    given = User("", "").environment() if user is None else user.environment()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value) if value else patch.delenv(name, raising=False)
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        yield


@dataclasses.dataclass(frozen=True)
class Searches:
    """Two searches of one space that ran at once."""

    out: Path
    names: tuple[str, ...]
    status: list[int]
    printed: list[str]

    def trials(self, name: str) -> list[Path]:
        return sorted((self.out / name).glob("trial-*-*"))


def search_flags(service: Service, out: Path, name: str, seed: int = 0) -> list[str]:
    size = [*SMALL, "--trials", "3", "--epochs", "2", "--seed", str(seed)]
    share = ["--cpus-per-trial", "1", "--concurrency", "1"]
    where = ["--out", str(out), "--name", name, "--tracking-uri", service.uri]
    return ["--space", "gap5", *size, *share, *where]


@pytest.fixture(scope="module")
def searches(service, tmp_path_factory) -> Searches:
    out, names = tmp_path_factory.mktemp("runs"), ("first", "second")
    begun = [
        subprocess.Popen(
            [sys.executable, "-m", "search.run", *search_flags(service, out, name, seed)],
            cwd=ROOT,
            env=os.environ | service.searcher.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for seed, name in enumerate(names)
    ]
    printed = [process.communicate(timeout=900)[0] for process in begun]
    return Searches(out, names, [process.returncode for process in begun], printed)


def runs_of(client: MlflowClient, search: str, kind: str = "trial"):
    experiments = [each.experiment_id for each in client.search_experiments()]
    condition = f"tags.convoy.search = '{search}' and tags.convoy.kind = '{kind}'"
    return list(client.search_runs(experiments, condition))


def test_two_searches_at_once_end_whole(searches):
    assert searches.status == [0, 0], searches.printed


def test_both_log_to_one_experiment(service, searches):
    with logged_in(service.searcher):
        client = MlflowClient(service.uri)
        found = {run.info.experiment_id for name in searches.names for run in runs_of(client, name)}
        assert len(found) == 1
        assert client.get_experiment(found.pop()).name == "convoy/gap5-embedded"


def test_every_trial_is_there_once_with_its_metrics_of_every_epoch(service, searches):
    with logged_in(service.searcher):
        client = MlflowClient(service.uri)
        for name in searches.names:
            runs = {run.data.tags["convoy.trial_id"]: run for run in runs_of(client, name)}
            assert len(runs) == len(runs_of(client, name)) == 3
            for folder in searches.trials(name):
                run = runs[folder.name.split("-", 2)[2]]
                assert run.info.status == "FINISHED"
                lines = (folder / "result.json").read_text().splitlines()
                reported = [json.loads(line) for line in lines]
                for metric in METRICS:
                    points = client.get_metric_history(run.info.run_id, metric)
                    logged = {point.step: point.value for point in points}
                    assert logged == {each["epoch"]: each[metric] for each in reported}
                    assert len(points) == len(reported)


def test_the_weights_come_back_through_the_server(service, searches):
    with logged_in(service.searcher):
        records = Records(service.uri)
        run = records.load(records.winner_of("first"))
        assert (
            MlflowClient(service.uri)
            .get_run(run.run_id)
            .info.artifact_uri.startswith("mlflow-artifacts:")
        )
    kept = torch.load(searches.out / "first" / "best" / "model.pt", weights_only=True)
    assert run.weights.keys() == kept.keys()
    assert all(torch.equal(run.weights[name], kept[name]) for name in kept)


def test_the_artifacts_lie_with_the_server_alone_and_are_its_own(service, searches):
    there = list((service.folder / "artifacts").rglob("*"))
    assert any(path.name == "model.pt" for path in there)
    assert not [path for path in there if path.stat().st_mode & 0o077]
    assert not (searches.out / "artifacts").exists()


def test_no_password_is_in_a_file_of_a_search_or_in_what_it_printed(service, searches):
    password = service.searcher.password
    files = [path for path in searches.out.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert not [path for path in files if password.encode() in path.read_bytes()]
    assert not [text for text in searches.printed if password in text]


def test_no_password_is_in_the_servers_log_or_command_lines(service, searches):
    told = (service.folder / "server.log").read_text()
    told += " ".join(" ".join(process.cmdline()) for process in service.processes())
    users = (service.admin, service.searcher, service.reader)
    assert "mlflow" in told
    assert not [user.name for user in users if user.password in told]


def test_the_server_starts_no_processes_for_jobs(service):
    told = [" ".join(process.cmdline()) for process in service.processes()]
    assert not [line for line in told if "huey" in line or "jobs" in line]


def refused(service: Service, out: Path, user: User | None) -> str:
    """The line with which a search as ``user`` is refused, with status 2."""
    with logged_in(user):
        status, printed = run_here(search, search_flags(service, out, "refused"))
    assert status == 2, printed
    first, line = printed.splitlines()
    assert first == "gap5: reading the data, starting Ray"
    assert not out.exists() or not list(out.iterdir())
    return line


def test_a_wrong_password_is_refused_in_a_line_that_does_not_tell_it(service, one_ray, tmp_path):
    wrong = User("convoy", "quite-another-password")
    line = refused(service, tmp_path / "out", wrong)
    assert line == (
        f"error: --tracking-uri {service.uri}: the server refuses user 'convoy' with this "
        "password; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    )


def test_a_missing_password_is_asked_for_in_a_line(service, one_ray, tmp_path):
    assert refused(service, tmp_path / "out", None) == (
        f"error: --tracking-uri {service.uri}: the server wants a user and a password; "
        "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    )


def test_an_analysis_with_a_wrong_password_is_refused_in_the_same_words(service):
    with (
        logged_in(User("reader", "quite-another-password")),
        pytest.raises(UsageError, match="the server refuses user 'reader' with this password; set"),
    ):
        Records(service.uri)


def test_a_reader_sees_the_records_and_cannot_log(service, searches, one_ray, tmp_path):
    with logged_in(service.reader):
        assert len(runs_of(MlflowClient(service.uri), "first")) == 3
    line = refused(service, tmp_path / "out", service.reader)
    assert (
        f"--tracking-uri {service.uri}: user 'reader' may not log to convoy/gap5-embedded" in line
    )


def test_whoever_was_given_another_password_gets_in_with_that(service):
    user = User("changing", secret())
    provide(service, user)
    changed = User("changing", secret())
    provide(service, changed)
    with logged_in(changed):
        assert MlflowClient(service.uri).search_experiments() is not None


def test_whoever_may_log_to_every_experiment_may_be_given_another_password(service):
    user = User("logging", secret())
    provide(service, user, "--search")
    changed = User("logging", secret())
    provide(service, changed, "--search")
    with logged_in(changed):
        assert MlflowClient(service.uri).create_experiment("of the one who logs")


def status_of(address: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_a_foreign_host_is_refused_before_any_password_is_asked(service):
    address = f"{service.uri}/api/2.0/mlflow/experiments/search?max_results=1"
    assert status_of(address, Host="evil.example") == 403
    assert status_of(address, Host="localhost:5000") == 401


def test_nothing_but_its_health_is_told_to_strangers(service):
    assert status_of(f"{service.uri}/health") == 200
    for path in ("/", "/api/2.0/mlflow/users/list", "/graphql", "/metrics", "/signup"):
        assert status_of(service.uri + path) in (401, 404), path
    artifacts = "/api/2.0/mlflow-artifacts/artifacts?path="
    assert status_of(service.uri + artifacts) == 401


def test_without_an_admin_password_it_does_not_start(service, tmp_path):
    from postgres import postgres

    with postgres(programs()) as cluster:
        cluster.run(ROOT / "deploy" / "databases.sql", {"TRACKING_DATABASE_PASSWORD": "x" * 20})
        given = server_environment(cluster, "x" * 20, tmp_path)
        done = subprocess.run(
            ["sh", str(SCRIPT)], env=os.environ | given, capture_output=True, text=True, timeout=180
        )
    assert done.returncode != 0
    assert "MLFLOW_AUTH_ADMIN_PASSWORD" in done.stderr


def test_a_browser_that_logs_in_compares_the_best_runs_of_both_searches(
    service, searches, browser, tmp_path
):
    with logged_in(service.reader):
        records = Records(service.uri)
        best = [records.load(records.winner_of(name)) for name in searches.names]
        client = MlflowClient(service.uri)
        runs = [client.get_run(run.run_id) for run in best]
    user = service.reader
    context = browser.new_context(
        http_credentials={"username": user.name, "password": user.password},
        viewport={"width": 1400, "height": 1000},
    )
    page = context.new_page()
    asked = json.dumps([run.info.run_id for run in runs], separators=(",", ":"))
    experiments = json.dumps([runs[0].info.experiment_id])
    page.goto(f"{service.uri}/#/compare-runs?runs={asked}&experiments={experiments}")
    page.get_by_text("best_val_accuracy").first.wait_for(timeout=60_000)
    page.get_by_text(runs[1].info.run_id).first.wait_for(timeout=60_000)
    page.screenshot(path=tmp_path / "compared.png", full_page=True)
    shown = set(page.locator("body").inner_text().replace("\t", "\n").splitlines())
    for run in runs:
        figures = [run.data.metrics[name] for name in ("best_val_accuracy", "train_loss")]
        assert {run.info.run_id, *(f"{round(each, 3):g}" for each in figures)} <= shown
    context.close()


# What is written to MLflow, on PostgreSQL.


def new_writer(service: Service, experiment: str, search: Path, params: dict) -> MlflowWriter:
    place = Place(service.uri, experiment, None, search.name)
    about = About(place, params, params, JOB, {})
    return MlflowWriter(MlflowRuns(about, f"{experiment} {search.name}"), search)


def new_record(trial: str, lr: float) -> TrialRecord:
    spec = TrialSpec(JOB, 0, {"lr": lr, "optimizer": "sgd"}, BASELINE)
    return TrialRecord(spec, trial, started=1.0, at=1.0)


def together(service: Service, experiment: str, folders: list[Path]) -> list[list[str]]:
    """Have searches make one experiment at the same moment; the errors of each."""
    barrier, errors = threading.Barrier(len(folders)), []

    def log(search: Path) -> None:
        search.mkdir(parents=True)
        writer, record = new_writer(service, experiment, search, {}), new_record(search.name, 0.1)
        TrialFiles(search).started(record)
        barrier.wait()
        writer.open()
        writer.trial_started(record)
        errors.append(writer.close())

    threads = [threading.Thread(target=log, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_searches_that_make_one_experiment_at_once_all_log_to_it(service, tmp_path):
    """As a user who may log to nothing but what he made."""
    maker = User("maker", secret())
    provide(service, maker)
    with logged_in(maker):
        client = MlflowClient(service.uri)
        for experiment in (f"convoy/race-{number}" for number in range(5)):
            folders = [tmp_path / experiment / f"s{each}" for each in range(4)]
            assert together(service, experiment, folders) == [[]] * 4
            (found,) = client.search_experiments(filter_string=f"name = '{experiment}'")
            assert len(client.search_runs([found.experiment_id])) == 8


def test_a_search_logs_to_an_experiment_that_it_is_permitted_a_moment_later(
    service, tmp_path, monkeypatch
):
    """As where the same user's other search made it, and the server has yet to permit him."""
    late = User("late", secret())
    provide(service, late)
    with logged_in(service.admin):
        experiment = MlflowClient(service.uri).create_experiment("convoy/late")

    def permit(seconds: float) -> None:
        provide(service, late, "--search")

    monkeypatch.setattr(permission, "time", SimpleNamespace(monotonic=lambda: 0, sleep=permit))
    with logged_in(late):
        writer = new_writer(service, "convoy/late", tmp_path, {})
        writer.open()
        assert writer.close() == []
        assert len(MlflowClient(service.uri).search_runs([experiment])) == 1


def test_the_largest_values_that_a_search_may_have_are_logged_whole(service, tmp_path):
    values = {f"{'key' * 20}{number}": "v" * 500 for number in range(150)}
    files, record = TrialFiles(tmp_path), new_record("t0", 1e-320)
    files.started(record)
    for epoch in range(1, 1201):  # more points than a batch of MLflow's holds
        metrics = {"val_accuracy": 1 / epoch, "train_loss": 1e300 / epoch}
        record = record.after(epoch, metrics, record.at + 1)
        files.reported(record, {"epoch": epoch, **metrics})
    error = describe(ValueError("a null \x00 byte, a \ud83d, an emoji \U0001f600 " + "x" * 900))
    record = dataclasses.replace(record, status=Status.FAILED, error=error)
    files.changed(record)
    with logged_in(service.searcher):
        writer = new_writer(service, "convoy/large", tmp_path, values)
        writer.open()
        writer.trial_ended(record)
        assert writer.close() == []
        run_id = writer.runs.run_id("t0")
        client = MlflowClient(service.uri)
        run = client.get_run(run_id)
        assert values.items() <= run.data.params.items()
        assert run.data.params["lr"] == "1e-320"
        assert "an emoji \U0001f600" in run.data.tags["convoy.error"]
        points = client.get_metric_history(run_id, "train_loss")
        assert {p.step: p.value for p in points} == {n: 1e300 / n for n in range(1, 1201)}


def test_records_made_anew_twice_are_the_same_and_lack_runs_of_nobody(service, searches, capsys):
    """In another experiment's name, so that a run that no file tells of can be put there first."""
    asked = ["first", "--out", str(searches.out), "--tracking-uri", service.uri]
    with logged_in(service.searcher):
        client = MlflowClient(service.uri)
        before = content(client, "first")
        (stray, *_) = runs_of(client, "first")
        tags = {k: v for k, v in stray.data.tags.items() if k.startswith("convoy.")}
        tags["convoy.trial_id"] = "nobody"
        lost = client.create_run(stray.info.experiment_id, tags=tags).info.run_id
        for _ in range(2):
            assert reconcile(asked) == 0, capsys.readouterr().err
            assert content(client, "first") == before
        assert client.get_run(lost).info.lifecycle_stage == "deleted"


def content(client: MlflowClient, search: str) -> dict:
    """All that is recorded of a search's trials."""
    return {
        run.info.run_id: (
            run.info.status,
            run.data.params,
            run.data.tags,
            [
                [(point.step, point.value, point.timestamp) for point in points]
                for name in sorted(run.data.metrics)
                for points in [client.get_metric_history(run.info.run_id, name)]
            ],
            sorted(file.path for file in client.list_artifacts(run.info.run_id)),
        )
        for run in runs_of(client, search)
    }

"""Records that someone else wrote: analysed right, or refused in one line, within their folders.

Whoever may write to a tracking store may write anything there: settings of another type, names that
lead out of a folder, text that drives a terminal.
"""

import copy
import http.server
import json
import threading
from dataclasses import asdict
from urllib.parse import parse_qs, urlsplit

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunData, RunInfo, RunTag
from subjects import constructed

from analysis.certificate import certify
from analysis.output import whole_folder
from analysis.record import Records
from analysis.run import main
from analysis.subject import open_subject
from search.ablate import main as ablate
from search.records.run_reader import recorded_run
from search.records.saved_model import SETTING_FILE, WEIGHTS_FILE
from trainables import checkpoint
from trainables.boundary.errors import UsageError

ANY_RECORD = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
RUN_ID = "a" * 32


@pytest.fixture(scope="module")
def subject():
    return constructed("gap5")


@pytest.fixture(scope="module")
def setting(subject) -> dict:
    """A sound ``setting.json``."""
    run = subject.run
    return {
        "trial_id": "x",
        "setting": asdict(run.setting),
        "job": asdict(run.job),
        "data": subject.dataset.described(),
        "best_epoch": run.best_epoch,
        "device": "cpu",
        "validation_dtype": "float32",
        "versions": {"torch": torch.__version__},
    }


TAGS = {
    "convoy.kind": "trial",
    "convoy.search": "mine",
    "convoy.label": "3",
    "convoy.values": '{"lr": 0.1, "optimizer": "sgd"}',
    "convoy.stream": "null",
    "convoy.status": "completed",
}


def mlflow_run(subject, run_id: str = RUN_ID, **changed) -> Run:
    tags = {key: changed.get(key.removeprefix("convoy."), value) for key, value in TAGS.items()}
    accuracy = changed.get("accuracy", subject.run.val_accuracy)
    info = RunInfo(run_id, "1", "someone", "FINISHED", 0, 0, "active")
    metrics = [Metric("best_val_accuracy", accuracy, 0, 0)]
    return Run(info, RunData(metrics, [], [RunTag(key, value) for key, value in tags.items()]))


def recorded(subject, run: Run, text: bytes, weights=None, history=None):
    """The record; ValueError and KeyError are what ``Records.load`` tells of as damage."""
    own = subject.run
    weights = own.weights if weights is None else weights
    return recorded_run(run, weights, text, own.history if history is None else history)


def analysed(subject, *arguments, **more) -> bool:
    """True if the record can be certified, False if it is refused."""
    try:
        certify(open_subject(recorded(subject, *arguments, **more), "embedded"))
    except (ValueError, KeyError):  # a UsageError too
        return False
    return True


def test_a_sound_record_is_certified(subject, setting):
    run = recorded(subject, mlflow_run(subject), json.dumps(setting).encode())
    assert certify(open_subject(run, "embedded")).certified


def places(part, here=()):
    if here:
        yield here
    for key in part if isinstance(part, dict) else ():
        yield from places(part[key], (*here, key))


ODD = [
    None,
    True,
    0,
    -1,
    2,
    3.5,
    1e308,
    float("nan"),
    10**30,
    "",
    "../..",
    "a" * 200,
    "\x00",
    "$\\x$",
]
VALUES = st.sampled_from([*ODD, [], [1], {}, {"a": 1}, "nin", 200, 400]) | st.text(max_size=6)


@ANY_RECORD
@given(data=st.data(), value=VALUES, absent=st.booleans())
def test_a_setting_with_anything_at_any_place_is_analysed_or_refused(
    subject, setting, data, value, absent
):
    document = copy.deepcopy(setting)
    *outer, last = data.draw(st.sampled_from(list(places(setting))))
    part = document
    for key in outer:
        part = part[key]
    part[last] = value
    if absent:
        del part[last]
    analysed(subject, mlflow_run(subject), json.dumps(document).encode())


@pytest.mark.parametrize("text", [b"", b"\xff", b"null", b"3", b"[" * 100_000, b'{"a":' * 50_000])
def test_a_setting_that_is_none_is_refused(subject, text):
    assert not analysed(subject, mlflow_run(subject), text)


HOSTILE = ["", "..", "../../x", "/etc", "a/b", "a\\b", "\x1b[31m", "$\\x$", "a'b", "\udcff"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_search_whose_name_would_leave_its_folder_is_refused(subject, setting, name):
    assert not analysed(subject, mlflow_run(subject, search=name), json.dumps(setting).encode())


@pytest.mark.parametrize("run_id", ["../../up", "/etc/passwd", "a/b", ""])
def test_a_run_whose_id_would_leave_its_folder_is_refused(subject, setting, run_id):
    """The first of it names the folder of a comparison."""
    assert not analysed(subject, mlflow_run(subject, run_id), json.dumps(setting).encode())


@pytest.mark.parametrize("label", ["\x1b[31m", "a\nb", "$\\frac$", "\udcff"])
def test_a_label_that_cannot_be_shown_is_refused(subject, setting, label):
    assert not analysed(subject, mlflow_run(subject, label=label), json.dumps(setting).encode())


@pytest.mark.parametrize(
    "values", ["", "[]", "null", '{"a": [1]}', '{"a": "\\u001b"}', '{"$a": 1}', "[" * 100_000]
)
def test_values_that_are_none_are_refused(subject, setting, values):
    assert not analysed(subject, mlflow_run(subject, values=values), json.dumps(setting).encode())


@pytest.mark.parametrize("accuracy", [float("nan"), float("inf"), 7.0, -1.0])
def test_an_accuracy_that_is_none_is_refused(subject, setting, accuracy):
    run = mlflow_run(subject, accuracy=accuracy)
    assert not analysed(subject, run, json.dumps(setting).encode())


@pytest.mark.parametrize("name", ["train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr"])
def test_a_history_without_what_the_figures_draw_is_refused(subject, setting, name):
    history = {key: points for key, points in subject.run.history.items() if key != name}
    text = json.dumps(setting).encode()
    assert not analysed(subject, mlflow_run(subject), text, history=history)
    history[name] = [(1, float("nan"))]
    assert not analysed(subject, mlflow_run(subject), text, history=history)


WEIGHTS = {
    "none": lambda value: None,
    "on no device": lambda value: value.to("meta"),
    "sparse": lambda value: value.to_sparse() if value.dim() else value,
    "nested": lambda value: {"weight": value},
    "not finite": lambda value: value * float("nan"),  # which predict class 0, right in a tenth
    "flat": lambda value: value.flatten(),
    "quantised": lambda value: torch.quantize_per_tensor(value.float(), 0.1, 0, torch.qint8),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_of_another_kind_are_refused(subject, setting, kind):
    weights = {key: WEIGHTS[kind](value) for key, value in subject.run.weights.items()}
    text = json.dumps(setting).encode()
    assert not analysed(subject, mlflow_run(subject), text, weights=weights)


@pytest.fixture(scope="module")
def store(subject, setting, tmp_path_factory):
    """A store that MLflow made, and its client."""
    folder = tmp_path_factory.mktemp("store")
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    client.create_experiment("convoy/gap5-embedded", (folder / "artifacts").as_uri())
    (folder / "kept").mkdir()
    checkpoint.save(subject.run.weights, folder / "kept" / WEIGHTS_FILE)
    (folder / "kept" / SETTING_FILE).write_text(json.dumps(setting))
    return folder, client


def logged(store, subject, **changed) -> str:
    """Id of a sound trial's run, but for the tags that are ``changed``."""
    folder, client = store
    experiment = client.get_experiment_by_name("convoy/gap5-embedded").experiment_id
    job = json.dumps(asdict(subject.run.job))
    tags = {**TAGS, "convoy.job": job, **{f"convoy.{key}": v for key, v in changed.items()}}
    run_id = client.create_run(experiment, tags=tags).info.run_id
    metrics = [
        Metric(name, value, 0, step)
        for name, points in subject.run.history.items()
        for step, value in points
    ]
    best = Metric("best_val_accuracy", subject.run.val_accuracy, 0, 0)
    client.log_batch(run_id, [*metrics, best], [Param("trial", "3")])
    client.log_artifacts(run_id, str(folder / "kept"))
    return run_id


@pytest.fixture
def work(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_the_analysis_of_a_search_that_leads_out_of_its_folder_writes_nothing(
    store, subject, work, capsys
):
    uri = f"sqlite:///{store[0]}/mlflow.db"
    run_id = logged(store, subject, search="../../escaped")
    assert main(["--run", run_id, "--tracking-uri", uri, "--only", "curves"]) == 2
    error = capsys.readouterr().err
    assert "is damaged" in error
    assert error.count("\n") == 1
    assert list(work.parent.rglob("*")) == [work]


JOBS = ["", "[]", "{}", '{"cpus": 1000000000}', "[" * 100_000]


@pytest.mark.parametrize("job", JOBS)
def test_an_ablation_of_a_trial_whose_job_is_none_is_refused(store, subject, work, capsys, job):
    uri = f"sqlite:///{store[0]}/mlflow.db"
    run_id = logged(store, subject, job=job or " ")
    flags = ["--run", run_id, "--tracking-uri", uri, "--toggle", "dropout"]
    assert ablate(flags) == 2
    assert "is not the run of a trial that can be trained again" in capsys.readouterr().err
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("space", ["../../up", "/etc", "a b"])
def test_an_ablation_of_a_trial_whose_space_leads_out_of_its_folder_is_refused(
    store, subject, work, capsys, space
):
    folder, client = store
    experiment = client.create_experiment(f"convoy/{space}", (folder / "artifacts").as_uri())
    sound = client.get_run(logged(store, subject)).data
    run_id = client.create_run(experiment, tags=sound.tags).info.run_id
    client.log_param(run_id, "trial", "3")
    flags = ["--run", run_id, "--tracking-uri", f"sqlite:///{folder}/mlflow.db"]
    assert ablate([*flags, "--toggle", "flip"]) == 2
    assert "is not the name of a space" in capsys.readouterr().err
    assert list(work.iterdir()) == []


class HostileServer(http.server.BaseHTTPRequestHandler):
    """A tracking server whose listing of a run's files leads out of the folder."""

    name = ""

    def do_GET(self):
        url = urlsplit(self.path)
        path = parse_qs(url.query).get("path", [""])[0]
        place = f"mlflow-artifacts:/1/{RUN_ID}/artifacts"
        info = {"run_id": RUN_ID, "experiment_id": "1", "status": "FINISHED", "artifact_uri": place}
        answer: object = {}
        if url.path.endswith("/runs/get"):
            answer = {"run": {"info": {**info, "lifecycle_stage": "active"}, "data": {}}}
        elif url.path.endswith("/artifacts"):
            inside = [SETTING_FILE, WEIGHTS_FILE] if path.endswith("artifacts") else [self.name]
            answer = {"files": [{"path": name, "is_dir": False} for name in inside]}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Nothing: the test's output is the analysis's."""


@pytest.mark.parametrize("way", ["{}/escaped", "../../../../../../..{}/escaped", "%2e%2e/escaped"])
def test_files_of_a_server_that_lead_out_of_the_folder_are_not_written(tmp_path, way):
    class Server(HostileServer):
        name = way.format(tmp_path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(UsageError):
            Records(f"http://127.0.0.1:{server.server_port}").load(RUN_ID)
        server.shutdown()
    assert list(tmp_path.rglob("*")) == []


def test_a_link_in_the_folder_of_an_analysis_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.html").symlink_to(tmp_path / "mine.txt")
    with whole_folder(tmp_path / "out") as folder:
        (folder / "report.html").write_text("report")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert (tmp_path / "out" / "report.html").read_text() == "report"


def test_a_linked_folder_of_figures_is_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "figures").symlink_to(tmp_path / "mine")
    with (
        pytest.raises(UsageError, match="figures is a link"),
        whole_folder(tmp_path / "out") as folder,
    ):
        (folder / "figures").mkdir()
        (folder / "figures" / "cam.png").write_bytes(b"png")
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize("taken", ["report.html", "figures"])
def test_a_place_that_is_taken_is_named(tmp_path, taken):
    (tmp_path / "figures").mkdir()
    if taken == "figures":
        (tmp_path / "figures").rmdir()
        (tmp_path / "figures").write_text("a file")
    else:
        (tmp_path / taken).mkdir()
    with (
        pytest.raises(UsageError, match=f"{taken} cannot be written"),
        whole_folder(tmp_path) as folder,
    ):
        (folder / "figures").mkdir()
        (folder / "figures" / "cam.png").write_bytes(b"png")
        (folder / "report.html").write_text("report")
    assert not list(tmp_path.glob(".analysis-*"))

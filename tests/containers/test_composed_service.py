"""compose.yaml as docs/containers.md tells to use it, by Docker Compose on podman."""

import json
import os
import re
import secrets
import socket
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from closing_table import note
from engine import ROOT, needs_engine, podman, until
from mlflow import MlflowClient
from mlflow.entities import Run
from project import Project, composed, python

pytestmark = needs_engine

UP = "docker compose up --build --detach --wait"
SMALL = "--space gap5 --train-limit 600 --val-limit 300 --cpus-per-trial 1 --set pool_stride=2"
SMALL += " --finalists 0 --seed 1"
OWN = ("tracking", "head", "worker")


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


@dataclass(frozen=True)
class Left:
    """What a search has left: of each trial its epochs and status, and its runs in MLflow."""

    epochs: dict[str, list[int]]
    statuses: dict[str, str]
    runs: list[Run]

    def assert_whole(self, trials: int, epochs: int) -> None:
        """Every trial is there once, with each epoch once, and MLflow has the same."""
        assert len(self.epochs) == trials
        for name, of_one in self.epochs.items():
            most = epochs if self.statuses[name] == "completed" else len(of_one)
            assert of_one == list(range(1, most + 1)), name
        assert set(self.statuses.values()) <= {"completed", "pruned"}
        kinds = sorted(run.data.tags["convoy.kind"] for run in self.runs)
        assert kinds == ["search"] + ["trial"] * trials
        assert {run.info.status for run in self.runs} == {"FINISHED"}


@dataclass(frozen=True)
class Composed:
    """The service of compose.yaml, and its ports on this machine."""

    project: Project
    tracking: str
    jobs: str

    @property
    def runs(self) -> Path:
        return self.project.volume("shared") / "runs"

    def user(self, name: str = "convoy") -> tuple[str, str]:
        """A user of the tracking server, and the password of .env."""
        key = {"convoy": "TRACKING_SEARCH_PASSWORD", "admin": "TRACKING_ADMIN_PASSWORD"}[name]
        return name, self.project.secrets()[key]

    def client(self, monkeypatch: pytest.MonkeyPatch, name: str = "convoy") -> MlflowClient:
        user, password = self.user(name)
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
        return MlflowClient(self.tracking)

    def submit(self, *flags: str, token: str | None = None) -> tuple[int, str]:
        """``search.submit`` on this machine: its status, and what it prints."""
        file = self.project.folder / "ray.yaml"
        about = {"kind": "ray-jobs", "address": self.jobs, "out": "/shared/runs"}
        about |= {"data": "embedded", "tracking_uri": "http://tracking:5000", "ship": False}
        file.write_text(yaml.safe_dump(about))
        token = self.project.secrets()["RAY_AUTH_TOKEN"] if token is None else token
        own = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token} if token else {}
        own |= {"HOME": str(self.project.folder)}
        done = python("search.submit", "--cluster", str(file), *flags, **own)
        return done.returncode, done.stdout + done.stderr

    def send(self, name: str, flags: str, *own: str) -> str:
        status, printed = self.submit(*own, "--", *SMALL.split(), *flags.split(), "--name", name)
        assert status == 0, printed
        return printed

    def state(self, name: str) -> str:
        """How the job of a search stands."""
        return self.submit("--status", name)[1].split()[1]

    def epochs(self, name: str) -> dict[str, list[int]]:
        files = sorted((self.runs / name).glob("trial-*-*/result.json"))
        whole = {each: each.read_text().rpartition("\n")[0].splitlines() for each in files}
        return {
            each.parent.name: [json.loads(line)["epoch"] for line in lines]
            for each, lines in whole.items()
        }

    def trains(self, name: str, epochs: int) -> Callable[[], bool]:
        """Whether a search's trials have so many epochs by now."""
        return lambda: sum(map(len, self.epochs(name).values())) >= epochs

    def left(self, name: str, client: MlflowClient) -> Left:
        folders = [each.parent for each in (self.runs / name).glob("trial-*-*/status.json")]
        states = {each.name: json.loads((each / "status.json").read_text()) for each in folders}
        places = [each.experiment_id for each in client.search_experiments()]
        runs = list(client.search_runs(places, f"tags.`convoy.search` = '{name}'"))
        return Left(
            self.epochs(name), {key: value["status"] for key, value in states.items()}, runs
        )

    def summary(self, name: str) -> dict:
        return json.loads((self.runs / name / "summary.json").read_text())

    def nodes(self) -> int:
        """Nodes of the cluster that are alive, the head among them."""
        script = "import ray; ray.init(address='auto', logging_level='ERROR');"
        script += " print(sum(node['Alive'] for node in ray.nodes()))"
        printed = self.project.container("head").run("python", "-c", script)
        return int(printed.splitlines()[-1])


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Composed]:
    folder, name = tmp_path_factory.mktemp("composed"), f"convoytest{os.getpid()}"
    ports = {"TRACKING_PORT": free_port(), "DASHBOARD_PORT": free_port()}
    with composed(folder, name, CONVOY_WORKER_CPUS=1, **ports) as project:
        began = time.monotonic()
        project.run(UP)
        note("docker compose up --wait", f"{time.monotonic() - began:.0f} s")
        yield Composed(project, *(f"http://127.0.0.1:{port}" for port in ports.values()))


@pytest.fixture(scope="module")
def sent(service) -> str:
    """A search that was sent from this machine through the job API."""
    assert "complete" in service.send("sent", "--trials 3 --epochs 2", "--follow")
    return "sent"


def status_of(address: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def test_one_command_starts_all_of_it_and_waits_until_it_is_healthy(service):
    states = service.project.states()
    assert set(states) == {"database-1", "tracking-1", "users-1", "head-1", "worker-1"}
    assert states.pop("users-1").startswith("Exited (0)")
    assert all(state.endswith("(healthy)") for state in states.values()), states


def test_nothing_is_reached_from_other_machines(service):
    form = "--format={{json .HostConfig.PortBindings}}"
    names = [f"{service.project.name}-{each}" for each in service.project.states()]
    bound = [json.loads(podman("inspect", form, each)) or {} for each in names]
    places = [place for each in bound for found in each.values() for place in found or []]
    assert {f"http://{each['HostIp']}:{each['HostPort']}" for each in places} == {
        service.tracking,
        service.jobs,
    }


@pytest.mark.parametrize("name", OWN)
def test_containers_of_convoys_images_have_no_privileges(service, name):
    status = service.project.container(name).run("cat", "/proc/1/status")
    about = dict(re.findall(r"^(\w+):\t(\S+)", status, re.MULTILINE))
    assert (about["Uid"], int(about["CapBnd"], 16), about["NoNewPrivs"]) == ("1000", 0, "1")


def test_the_tracking_server_lets_in_with_the_passwords_of_env_alone(service):
    asked = f"{service.tracking}/api/2.0/mlflow/experiments/search?max_results=1"
    assert status_of(asked) == 401
    assert status_of(asked, Authorization=basic("convoy", "another-password")) == 401
    for user in ("convoy", "admin"):
        assert status_of(asked, Authorization=basic(*service.user(user))) == 200


def test_the_job_api_lets_in_with_the_token_of_env_alone(service):
    assert service.submit("--status")[0] == 0
    for token in (secrets.token_hex(24), ""):
        status, printed = service.submit("--status", token=token)
        assert (status, len(printed.splitlines())) == (2, 1), printed


def test_a_search_sent_through_the_job_api_is_recorded_by_the_server(service, sent, monkeypatch):
    service.left(sent, service.client(monkeypatch)).assert_whole(3, 2)


def test_the_servers_pages_show_the_search_to_whoever_logs_in(
    service, sent, browser, monkeypatch, tmp_path
):
    experiment = service.client(monkeypatch).get_experiment_by_name("convoy/gap5-embedded")
    user, password = service.user()
    context = browser.new_context(
        http_credentials={"username": user, "password": password},
        viewport={"width": 1400, "height": 900},
    )
    page = context.new_page()
    page.goto(f"{service.tracking}/#/experiments/{experiment.experiment_id}/runs")
    try:
        page.get_by_role("link", name=sent, exact=True).wait_for(timeout=120_000)
    finally:
        page.screenshot(path=tmp_path / "search.png")
        context.close()


def test_a_killed_workers_trials_go_on_elsewhere(service, monkeypatch):
    service.project.run(f"{UP} --scale worker=2")
    until(lambda: service.nodes() == 3, 120, "the second worker")
    service.send("killed", "--trials 4 --epochs 30")
    until(service.trains("killed", 4), 240, "epochs of the search")
    podman("kill", service.project.container("worker", 2).name)
    until(lambda: service.state("killed") != "running", 400, "the search's end")
    service.left("killed", service.client(monkeypatch)).assert_whole(4, 30)


def test_a_search_survives_that_all_is_taken_down_and_started_again(service, sent, monkeypatch):
    service.send("interrupted", "--trials 3 --epochs 40")
    until(service.trains("interrupted", 4), 240, "epochs of the search")
    service.project.run("docker compose down")
    assert service.project.states() == {}
    service.project.run(UP)
    client = service.client(monkeypatch)
    service.left(sent, client).assert_whole(3, 2)
    before = service.epochs("interrupted")
    status, printed = service.submit("--follow", "--", "--resume", "interrupted")
    assert status == 0, printed
    service.left("interrupted", client).assert_whole(3, 40)
    after = service.epochs("interrupted")
    assert all(len(after[name]) >= len(epochs) for name, epochs in before.items())


def test_another_up_leaves_all_that_runs_as_it_is(service):
    before = service.project.starts()
    service.project.run(UP)
    after = service.project.starts()
    assert before.pop("users-1").split()[0] == after.pop("users-1").split()[0]
    assert after == before


def test_another_password_for_convoy_holds_after_up(service, monkeypatch):
    _, old = service.user()
    service.project.set("TRACKING_SEARCH_PASSWORD", secrets.token_hex(24))
    service.project.run(UP)
    asked = f"{service.tracking}/api/2.0/mlflow/experiments/search?max_results=1"
    assert status_of(asked, Authorization=basic(*service.user())) == 200
    former = basic("convoy", old)
    until(lambda: status_of(asked, Authorization=former) == 401, 90, "the old password's end")
    service.send("later", "--trials 1 --epochs 1", "--follow")
    service.left("later", service.client(monkeypatch)).assert_whole(1, 1)


def commands() -> list[str]:
    """The lines of the page that run Docker Compose, each without what is said of it."""
    page = (ROOT / "docs" / "containers.md").read_text().partition("\n## The service\n")[2]
    blocks = page.replace("\\\n", " ").splitlines()
    lines = [
        each.strip() for each in blocks if each.startswith("    ") and "docker compose" in each
    ]
    return [re.split(r" {3,}(?=\w+ )", line)[0] for line in lines]


def test_every_command_of_the_page_runs_as_it_stands_there(service):
    (service.project.folder / "data").mkdir()
    (service.project.folder / "data" / "notes").write_text("of the user")
    for command in commands():
        if "compose.gpu.yaml" in command:  # there is no GPU
            command = command.replace("up --build --detach --wait", "config --quiet")
        short = " --trials 1 --epochs 1 --train-limit 300 --val-limit 200 --finalists 0"
        print(service.project.run(command + short * ("--data embedded" in command)))
    assert service.project.states() == {}
    assert (service.project.folder / "mlflow.dump").read_bytes().startswith(b"PGDMP")
    assert (service.project.volume("shared") / "data" / "notes").read_text() == "of the user"
    assert service.summary("first")["status"] == "complete"

"""What is asked of ``kubectl``, by a stand-in that records it: there is no Kubernetes here."""

import json
import sys
from pathlib import Path

import pytest
import yaml

from search.clusters.base import Submission
from search.clusters.kuberay import KubeRayBackend
from search.clusters.reader import read_cluster
from trainables.boundary.errors import UsageError

EXAMPLE = read_cluster(Path(__file__).parents[2] / "configs" / "clusters" / "kuberay.yaml")
BACKEND = KubeRayBackend(EXAMPLE)
STAND_IN = """#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
with (folder / "asked").open("a") as file:
    given = sys.stdin.read() if "-" in sys.argv else ""
    print(json.dumps([sys.argv[1:], given]), file=file)
name = "get-pods" if "pods" in sys.argv else sys.argv[1]
answer = folder / name
if not answer.exists():
    sys.exit("first line\\nError from server: not that one")
print(answer.read_text(), end="")
"""


@pytest.fixture
def kubectl(tmp_path, monkeypatch) -> Path:
    """The folder with the stand-in, what it answers and what it was asked."""
    script = tmp_path / "kubectl"
    script.write_text(STAND_IN.format(python=sys.executable, folder=str(tmp_path)))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "get-pods").write_text("pod/a-head-x\n")
    return tmp_path


def asked(folder: Path) -> list[list[str]]:
    return [json.loads(line)[0] for line in (folder / "asked").read_text().splitlines()]


def given(folder: Path) -> str:
    return json.loads((folder / "asked").read_text().splitlines()[-1])[1]


def job(name: str, search: str, begun: str = "2026-11-21T10:00:00Z", **status) -> dict:
    metadata = {"name": name, "creationTimestamp": begun, "annotations": {"convoy/search": search}}
    status = {"rayClusterName": f"{name}-cluster", **status} if status else {}
    return {"metadata": metadata, "status": status}


def there_are(folder: Path, *jobs: dict) -> None:
    (folder / "get").write_text(json.dumps({"items": jobs}))


RUNNING = {"jobStatus": "RUNNING", "jobDeploymentStatus": "Running"}


def test_without_kubectl_the_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="kubectl is not on this machine's PATH"):
        BACKEND.status(None)


def test_what_is_shown_is_what_is_created(kubectl):
    (kubectl / "create").write_text("")
    sent = Submission("a", "a", ("--space=gap5", "--name=a"))
    BACKEND.submit(sent)
    assert asked(kubectl) == [["create", "--namespace", "convoy", "--filename", "-"]]
    assert given(kubectl) == BACKEND.shown(sent)
    assert yaml.safe_load(given(kubectl))["kind"] == "RayJob"


def test_a_refusal_is_kubectls_last_line(kubectl):
    with pytest.raises(UsageError, match=r"^kubectl create: Error from server: not that one$"):
        BACKEND.submit(Submission("a", "a", ("--space=gap5",)))


def test_jobs_are_listed_the_latest_last(kubectl):
    later = job("a-2", "a", "2026-11-22T10:00:00Z", startTime="2026-11-22T10:00:05Z", **RUNNING)
    first = job("a", "a", jobStatus="STOPPED", jobDeploymentStatus="Complete")
    waiting = job("b", "b", "2026-11-23T10:00:00Z")
    there_are(kubectl, waiting, later, first)
    found = [(each.job, each.search, each.status) for each in BACKEND.status(None)]
    assert found == [("a", "a", "stopped"), ("a-2", "a", "running"), ("b", "b", "waiting")]
    assert [each.job for each in BACKEND.status("b")] == ["b"]
    assert BACKEND.status("a")[1].begun.timestamp() == 1795341605


def test_only_convoys_jobs_are_asked_for(kubectl):
    there_are(kubectl)
    assert BACKEND.status(None) == []
    assert "app.kubernetes.io/name=convoy" in asked(kubectl)[0]


def test_the_log_is_read_in_the_head_of_the_latest_job(kubectl):
    there_are(kubectl, job("a", "a", **RUNNING))
    (kubectl / "exec").write_text("one\ntwo\n")
    assert "".join(BACKEND.logs("a", follow=True)) == "one\ntwo\n"
    place, command = asked(kubectl)[-1][:6], asked(kubectl)[-1][6:]
    assert place == ["exec", "--namespace", "convoy", "pod/a-head-x", "--container", "ray-head"]
    assert command[:5] == ["--", "ray", "job", "logs", "a"]
    assert command[-1] == "--follow"


def test_the_log_of_a_cluster_that_is_gone_is_refused(kubectl):
    there_are(kubectl, job("a", "a", jobStatus="SUCCEEDED", jobDeploymentStatus="Complete"))
    (kubectl / "get-pods").write_text("")
    with pytest.raises(UsageError, match="a: its cluster does not exist yet, or no longer exists"):
        BACKEND.logs("a", follow=False)


def test_a_log_that_breaks_off_is_an_error(kubectl):
    there_are(kubectl, job("a", "a", **RUNNING))
    with pytest.raises(UsageError, match="kubectl exec: Error from server"):
        list(BACKEND.logs("a", follow=True))


def test_a_search_that_runs_is_stopped_by_ray(kubectl):
    there_are(kubectl, job("a", "a", **RUNNING))
    (kubectl / "exec").write_text("")
    BACKEND.stop("a")
    assert asked(kubectl)[-1][6:11] == ["--", "ray", "job", "stop", "a"]
    assert not any(arguments[0] == "delete" for arguments in asked(kubectl))


def test_a_search_that_waits_is_deleted(kubectl):
    there_are(kubectl, job("a", "a", jobDeploymentStatus="Initializing"))
    (kubectl / "delete").write_text("")
    BACKEND.stop("a")
    assert asked(kubectl)[-1] == ["delete", "--namespace", "convoy", "rayjob", "a"]


def test_a_search_that_has_ended_cannot_be_stopped(kubectl):
    there_are(kubectl, job("a", "a", jobStatus="SUCCEEDED", jobDeploymentStatus="Complete"))
    with pytest.raises(UsageError, match="--stop a: its last job, a, has ended"):
        BACKEND.stop("a")


def test_a_search_that_is_not_there_is_named(kubectl):
    there_are(kubectl, job("a", "a", **RUNNING))
    with pytest.raises(UsageError, match="b: no job of this search in namespace convoy"):
        BACKEND.stop("b")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, None),
        (RUNNING, None),
        ({"jobStatus": "SUCCEEDED"}, 0),
        ({"jobStatus": "STOPPED"}, 143),
        ({"jobStatus": "FAILED", "message": "command failed with exit code 3, last logs"}, 3),
        ({"jobStatus": "FAILED", "message": "the head pod went away"}, 1),
    ],
)
def test_the_exit_status_is_the_searchs(kubectl, status, expected):
    there_are(kubectl, job("a", "a", **status))
    assert BACKEND.exit_status("a") == expected

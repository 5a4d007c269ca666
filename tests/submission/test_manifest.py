"""The facts of a RayJob's manifest, one by one."""

import re
import shlex
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from search.clusters.base import STOP_SECONDS, Submission
from search.clusters.kinds.kuberay import KubeRay
from search.clusters.kuberay import KubeRayBackend
from search.clusters.kuberay_manifest import manifests, resource_name
from search.clusters.reader import read_cluster
from search.request.parser import search_options
from trainables.boundary.errors import UsageError

EXAMPLE = read_cluster(Path(__file__).parents[2] / "configs" / "clusters" / "kuberay.yaml")
FLAGS = ("--space=gap5", "--out=/shared/runs", "--name=a", "--address=auto")
SENT = Submission("a", "a", FLAGS, environment={"CONVOY_CACHE": "/scratch"})


def changed(**keys) -> KubeRay:
    return EXAMPLE.model_copy(update=keys)


def workers(**keys) -> KubeRay:
    return changed(workers=EXAMPLE.workers.model_copy(update=keys))


def ray_job(cluster: KubeRay = EXAMPLE, sent: Submission = SENT) -> dict:
    """As ``kubectl`` reads it."""
    return list(yaml.safe_load_all(KubeRayBackend(cluster).shown(sent)))[-1]


def ray_cluster(cluster: KubeRay = EXAMPLE, sent: Submission = SENT) -> dict:
    return ray_job(cluster, sent)["spec"]["rayClusterSpec"]


def pods(cluster: KubeRay = EXAMPLE, sent: Submission = SENT) -> list[dict]:
    """The specifications of the head's pod and of the workers'."""
    spec = ray_cluster(cluster, sent)
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def containers(cluster: KubeRay = EXAMPLE, sent: Submission = SENT) -> list[dict]:
    return [pod["containers"][0] for pod in pods(cluster, sent)]


def asked(sent: Submission = SENT, cluster: KubeRay = EXAMPLE):
    """What ``search.run`` reads when a shell has run the job's command."""
    words = shlex.split(ray_job(cluster, sent)["spec"]["entrypoint"])
    assert words[:4] == ["exec", "python", "-m", "search.run"]
    return search_options(words[4:])


def test_ray_lets_nobody_in_without_a_token():
    assert ray_cluster()["authOptions"] == {"mode": "token"}


def test_the_token_may_be_a_secret_of_ones_own():
    found = ray_cluster(changed(token_secret="mine"))["authOptions"]
    assert found == {"mode": "token", "secretName": "mine"}


def test_the_pods_run_the_version_of_ray_that_is_installed_here():
    assert ray_cluster()["rayVersion"] == version("ray")


def test_every_pod_mounts_the_volume_that_out_lies_on():
    for pod in pods():
        claims = {v["name"]: v.get("persistentVolumeClaim") for v in pod["volumes"]}
        mounts = {m["mountPath"]: m["name"] for m in pod["containers"][0]["volumeMounts"]}
        assert claims[mounts["/shared"]] == {"claimName": "convoy"}


def test_workers_are_between_min_and_max():
    [group] = ray_cluster(workers(min=2, max=5))["workerGroupSpecs"]
    assert (group["replicas"], group["minReplicas"], group["maxReplicas"]) == (2, 2, 5)


def test_the_second_autoscaler_starts_workers():
    spec = ray_cluster()
    assert spec["enableInTreeAutoscaling"] is True
    assert spec["autoscalerOptions"]["version"] == "v2"
    assert [pod["restartPolicy"] for pod in pods()] == ["Never", "Never"]


def test_a_fixed_number_of_workers_needs_no_autoscaler():
    spec = ray_cluster(workers(min=4))
    assert spec["enableInTreeAutoscaling"] is False
    assert "autoscalerOptions" not in spec


def test_gpus_are_asked_of_workers_alone():
    head, worker = (container["resources"]["limits"] for container in containers())
    assert "nvidia.com/gpu" not in head
    assert worker["nvidia.com/gpu"] == "1"


def test_a_worker_without_gpus_asks_for_none():
    assert "nvidia.com/gpu" not in containers(workers(gpus=0))[1]["resources"]["limits"]


def test_pods_are_guaranteed_what_they_ask_for():
    for container in containers():
        assert container["resources"]["requests"] == container["resources"]["limits"]
    assert containers()[0]["resources"]["limits"] == {"cpu": "2", "memory": "8Gi"}


def test_no_trial_runs_on_the_head():
    assert ray_cluster()["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_the_cluster_goes_some_time_after_the_search():
    spec = ray_job(changed(ttl_seconds=60))["spec"]
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["ttlSecondsAfterFinished"] == 60


def test_a_search_that_failed_is_not_begun_again():
    assert ray_job()["spec"]["backoffLimit"] == 0


def test_pods_are_confined():
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        confined = pod["containers"][0]["securityContext"]
        assert confined["allowPrivilegeEscalation"] is False
        assert confined["capabilities"] == {"drop": ["ALL"]}


def test_the_autoscaler_is_confined_too():
    confined = ray_cluster()["autoscalerOptions"]["securityContext"]
    assert confined["capabilities"] == {"drop": ["ALL"]}


def test_a_pod_that_goes_stops_the_search_first_and_is_given_the_time():
    head, worker = pods()
    variables = {each["name"]: each.get("value") for each in head["containers"][0]["env"]}
    stopping = head["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert stopping[:4] == ["ray", "job", "stop", ray_job()["spec"]["jobId"]]
    assert int(variables["RAY_JOB_STOP_WAIT_TIME_S"]) == STOP_SECONDS
    assert head["terminationGracePeriodSeconds"] > STOP_SECONDS
    assert "lifecycle" not in worker["containers"][0]


def test_the_tracking_servers_password_reaches_the_driver_by_name_alone():
    head, worker = containers(changed(tracking_secret="mlflow"))
    assert head["envFrom"] == [{"secretRef": {"name": "mlflow"}}]
    assert "envFrom" not in worker


def test_variables_are_set_on_all_pods():
    for container in containers():
        assert {"name": "CONVOY_CACHE", "value": "/scratch"} in container["env"]


def test_a_variable_is_not_taken_for_another_ones_name():
    sent = Submission("a", "a", FLAGS, environment={"X": "$(HOME) $$ $y"})
    [value] = [each["value"] for each in containers(EXAMPLE, sent)[0]["env"] if each["name"] == "X"]
    # As Kubernetes expands it: $$ is $, and what follows it is no reference.
    assert value.replace("$$", "$") == "$(HOME) $$ $y"
    assert "$(" not in value.replace("$$", "")


def test_a_pull_secret_selector_and_tolerations_are_handed_on():
    own = {"node_selector": {"gpu": "h200"}, "tolerations": ["nvidia.com/gpu"]}
    cluster = workers(**own).model_copy(update={"pull_secret": "registry"})
    head, worker = pods(cluster)
    assert head["imagePullSecrets"] == worker["imagePullSecrets"] == [{"name": "registry"}]
    assert "nodeSelector" not in head
    assert worker["nodeSelector"] == {"gpu": "h200"}
    assert worker["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]


def test_a_space_of_ones_own_is_mounted_where_the_flags_name_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("architecture: gap5\n")
    sent = Submission("a", "a", ("--space=spaces/mine.yaml",), {"spaces/mine.yaml": path})
    space_map, job = manifests(sent, EXAMPLE)
    head, worker = pods(EXAMPLE, sent)
    [volume] = [v for v in head["volumes"] if "configMap" in v]
    [mount] = [m for m in head["containers"][0]["volumeMounts"] if m["name"] == volume["name"]]
    assert volume["configMap"]["name"] == space_map["metadata"]["name"]
    assert space_map["data"][mount["subPath"]] == "architecture: gap5\n"
    assert mount["mountPath"] == "/convoy/spaces/mine.yaml"
    assert job["metadata"]["namespace"] == space_map["metadata"]["namespace"]
    assert all("configMap" not in v for v in worker["volumes"])


def test_a_search_asks_for_as_many_trials_as_the_most_workers_hold():
    assert asked().concurrency == 4  # four workers of a GPU each
    assert asked(cluster=workers(gpus=0)).concurrency == 4 * 8  # a CPU each


def test_a_concurrency_that_is_given_stands():
    sent = Submission("a", "a", (*FLAGS, "--concurrency=3"))
    assert asked(sent).concurrency == 3


@pytest.mark.parametrize("flag", ["--resume=a", "--pack=4"])
def test_a_search_that_goes_on_and_one_of_packs_are_left_alone(flag):
    sent = Submission("a", "a-2", ("--out=/shared/runs", flag))
    assert asked(sent).concurrency is None


def test_shares_of_a_gpu_are_counted():
    assert asked(Submission("a", "a", (*FLAGS, "--gpus-per-trial=0.25"))).concurrency == 4 * 4


def test_a_trial_that_fits_no_worker_is_refused_at_once():
    with pytest.raises(UsageError, match="--cpus-per-trial 9: no node has more than 8 CPUs"):
        manifests(Submission("a", "a", (*FLAGS, "--cpus-per-trial=9")), EXAMPLE)


def test_the_command_survives_the_manifest_and_a_shell():
    value = "--set=schedule=$(x) 'y' \"z\" # : {}"
    assert asked(Submission("a", "a", (*FLAGS, value))).set == (value.removeprefix("--set="),)


@pytest.mark.parametrize("job", ["a", "gap5-20261121-231000", "a" * 47])
def test_a_name_that_kubernetes_takes_is_kept(job):
    assert resource_name(job) == job


def test_names_that_differ_stay_different():
    names = ["Gap5", "gap5", "gap5.a", "gap5_a", "gap5-a", "5gap", "a" * 60, "a" * 61]
    assert len({resource_name(name) for name in names}) == len(names)


@settings(deadline=None, derandomize=True)
@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True))
def test_any_name_becomes_one_that_kubernetes_takes(job):
    # RFC 1035's label, as short as KubeRay wants a RayJob's name.
    assert re.fullmatch(r"[a-z]([-a-z0-9]{0,45}[a-z0-9])?", resource_name(job))

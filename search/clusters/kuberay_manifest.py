"""A search as Kubernetes objects: a RayJob of the KubeRay operator, and the user's space files.

Fields, as of KubeRay 1.6: https://docs.ray.io/en/latest/cluster/kubernetes/references/api.html
"""

import hashlib
import re
from dataclasses import replace
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import Any

from search import environment
from search.clusters.base import STOP_SECONDS, Submission
from search.clusters.kinds.kuberay import KubeRay, Node, Workers
from search.driver.resources import Machine, allot
from search.request.parser import search_options
from trainables.boundary.errors import UsageError

Object = dict[str, Any]
LABELS = {"app.kubernetes.io/name": "convoy"}
SEARCH = "convoy/search"  # annotation with the search's full name, which is too long for a label
DASHBOARD = "http://127.0.0.1:8265"  # for the head pod itself
HEAD = "ray-head"  # name of the container
_FOLDER = PurePosixPath("/convoy")  # the code in the image; commands run there
_USER = 1000  # "convoy" in the image; only for a number can Kubernetes verify that it is not root
_IDLE_SECONDS = 300  # a worker that comes back must read and build its data again
_LONGEST = 47  # KubeRay derives longer names from a RayJob's


def manifests(submission: Submission, cluster: KubeRay) -> list[Object]:
    """The objects to create, in order.

    Raises:
        UsageError: a trial needs more than a worker has, or a space file cannot be read.
    """
    asking = replace(submission, flags=with_demand(submission.flags, cluster.workers))
    spaces = [_space_files(asking, cluster)] if asking.spaces else []
    return [*spaces, _ray_job(asking, cluster)]


def resource_name(job: str) -> str:
    """A name that Kubernetes accepts: ``job`` itself if possible, else a similar unique one."""
    plain = re.sub(r"[^a-z0-9]+", "-", job.lower()).strip("-")
    plain = plain if plain[:1].isalpha() else f"search-{plain}"
    if plain == job and len(job) <= _LONGEST:
        return job
    digest = hashlib.sha256(job.encode()).hexdigest()[:8]
    return f"{plain[: _LONGEST - 9].rstrip('-')}-{digest}"


def _metadata(submission: Submission, cluster: KubeRay) -> Object:
    name = resource_name(submission.job)
    return {
        "name": name,
        "namespace": cluster.namespace,
        "labels": {**LABELS, "app.kubernetes.io/instance": name},
        "annotations": {SEARCH: submission.name},
    }


def _space_files(submission: Submission, cluster: KubeRay) -> Object:
    try:
        texts = [path.read_text(encoding="utf-8") for path in submission.spaces.values()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--space: cannot read the file ({error})") from error
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(submission, cluster),
        "immutable": True,
        "data": {_space_key(number): text for number, text in enumerate(texts)},
    }


def _space_key(number: int) -> str:
    return f"space-{number}.yaml"


def _ray_job(submission: Submission, cluster: KubeRay) -> Object:
    metadata = _metadata(submission, cluster)
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": metadata,
        "spec": {
            # The operator gives the command to the head itself. It passes one shell, for which the
            # command is quoted, and needs no further pod. Other modes start a submitter pod, and
            # the job fails when that loses the connection through which it follows the log.
            "submissionMode": "HTTPMode",
            # With exec, SIGTERM reaches the search itself and not its shell.
            "entrypoint": f"exec {submission.command}",
            "jobId": metadata["name"],
            "backoffLimit": 0,  # a second attempt would fail, as the search's folder exists
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": cluster.ttl_seconds,
            "rayClusterSpec": _ray_cluster(submission, cluster),
        },
    }


def _ray_cluster(submission: Submission, cluster: KubeRay) -> Object:
    workers, secret = cluster.workers, cluster.token_secret
    scaling = workers.min < workers.max
    return {
        "rayVersion": version("ray"),
        "authOptions": {"mode": "token", **({"secretName": secret} if secret else {})},
        "enableInTreeAutoscaling": scaling,
        **({"autoscalerOptions": _autoscaler()} if scaling else {}),
        "headGroupSpec": {
            # A trial on the head could use up the memory of the driver and of Ray's own state, and
            # end the search.
            "rayStartParams": {"num-cpus": "0"},
            "template": _pod(_head(submission, cluster), cluster.head, cluster, submission),
        },
        "workerGroupSpecs": [
            {
                "groupName": "workers",
                "replicas": workers.min,
                "minReplicas": workers.min,
                "maxReplicas": workers.max,
                "rayStartParams": {},
                "template": _pod(_worker(submission, cluster), workers, cluster),
            }
        ],
    }


def _autoscaler() -> Object:
    return {
        "version": "v2",
        "idleTimeoutSeconds": _IDLE_SECONDS,
        "securityContext": _confined(),
    }


def _pod(
    container: Object, node: Node, cluster: KubeRay, submission: Submission | None = None
) -> Object:
    """A pod with one container; with the user's space files if ``submission`` is given."""
    volumes = [{"name": "runs", "persistentVolumeClaim": {"claimName": cluster.volume.claim}}]
    if submission is not None and submission.spaces:
        volumes.append({"name": "spaces", "configMap": {"name": resource_name(submission.job)}})
    spec: Object = {
        "restartPolicy": "Never",  # the second autoscaler replaces pods and restarts none
        "terminationGracePeriodSeconds": STOP_SECONDS + 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",  # else it visits every file of all searches
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": volumes,
    }
    if cluster.pull_secret:
        spec["imagePullSecrets"] = [{"name": cluster.pull_secret}]
    if node.node_selector:
        spec["nodeSelector"] = dict(node.node_selector)
    if node.tolerations:
        spec["tolerations"] = [{"key": key, "operator": "Exists"} for key in node.tolerations]
    return {"metadata": {"labels": dict(LABELS)}, "spec": spec}


def _head(submission: Submission, cluster: KubeRay) -> Object:
    stop = ["ray", "job", "stop", resource_name(submission.job), "--address", DASHBOARD]
    container = {
        **_container(HEAD, cluster.head, cluster, submission),
        # Otherwise Ray kills the driver after three seconds.
        "lifecycle": {"preStop": {"exec": {"command": stop}}},
    }
    container["env"].append({"name": "RAY_JOB_STOP_WAIT_TIME_S", "value": str(STOP_SECONDS)})
    if cluster.tracking_secret:  # only the driver talks to the tracking server
        container["envFrom"] = [{"secretRef": {"name": cluster.tracking_secret}}]
    container["volumeMounts"] += [
        {
            "name": "spaces",
            "mountPath": str(_FOLDER / path),
            "subPath": _space_key(number),
            "readOnly": True,
        }
        for number, path in enumerate(submission.spaces)
    ]
    return container


def _worker(submission: Submission, cluster: KubeRay) -> Object:
    return _container("ray-worker", cluster.workers, cluster, submission, cluster.workers.gpus)


def _container(
    name: str, node: Node, cluster: KubeRay, submission: Submission, gpus: int = 0
) -> Object:
    """The container of head and workers. KubeRay adds /dev/shm, as large as the memory."""
    variables = {**environment.for_nodes(loopback=False), **submission.environment}
    return {
        "name": name,
        "image": cluster.image,
        "resources": {"requests": _asked(node, gpus), "limits": _asked(node, gpus)},
        # Kubernetes reads $(NAME) as another variable, and $$ as $.
        "env": [{"name": key, "value": v.replace("$", "$$")} for key, v in variables.items()],
        "volumeMounts": [{"name": "runs", "mountPath": cluster.volume.mount}],
        "securityContext": _confined(),
    }


def _asked(node: Node, gpus: int) -> Object:
    asked = {"cpu": str(node.cpus), "memory": node.memory}
    return {**asked, "nvidia.com/gpu": str(gpus)} if gpus else asked


def _confined() -> Object:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def with_demand(flags: tuple[str, ...], workers: Workers) -> tuple[str, ...]:
    """Add to ``flags`` of ``search.run`` as many trials at once as all workers can hold.

    Otherwise a search requests no more than the present nodes hold, and no node is added, as
    autoscaling reacts to trials that wait for room. A number that the user gives is kept. A resumed
    search has the flags with which it began; packs use only the present nodes.

    Args:
        flags: all flags of the search.
        workers: the workers of the cluster.

    Raises:
        UsageError: a trial needs more than a worker has.
    """
    options = search_options(flags)
    if options.resume is not None or options.pack is not None:
        return flags
    machines = [Machine(workers.cpus, workers.gpus)] * workers.max
    resources = allot(machines, options.cpus_per_trial, options.gpus_per_trial)
    return flags if options.concurrency else (*flags, f"--concurrency={resources.concurrency}")

"""Sends searches to Kubernetes, where the KubeRay operator makes a Ray cluster for each."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from search.clusters.base import STOP_SECONDS, JobLine, Submission
from search.clusters.kinds.kuberay import KubeRay
from search.clusters.kuberay_manifest import DASHBOARD, HEAD, LABELS, SEARCH, manifests
from search.clusters.program import lines, output
from trainables.boundary.errors import UsageError

RayJob = dict[str, Any]
_ENDED = ("Complete", "Failed", "ValidationFailed", "Suspended")  # statuses of a deployment


@dataclass(frozen=True)
class KubeRayBackend:
    """The searches in a namespace. It calls ``kubectl`` with the user's own rights.

    Args:
        cluster: the cluster and the namespace.
    """

    cluster: KubeRay

    def shown(self, submission: Submission) -> str:
        """The manifest of a search.

        Raises:
            UsageError: the search does not fit on the cluster, or a space file cannot be read.
        """
        return yaml.safe_dump_all(manifests(submission, self.cluster), sort_keys=False, width=100)

    def submit(self, submission: Submission) -> None:
        """Create the RayJob.

        Raises:
            UsageError: ``kubectl`` is missing, or the cluster refuses.
        """
        self._kubectl("create", "--filename", "-", text=self.shown(submission))

    def status(self, name: str | None) -> list[JobLine]:
        """The RayJobs of search ``name``, or of all searches, the latest last.

        Raises:
            UsageError: the cluster does not answer.
        """
        return [_line(job) for job in self._jobs(name)]

    def logs(self, name: str, follow: bool) -> Iterator[str]:
        """The output of the driver.

        Raises:
            UsageError: there is no such job, or its cluster is gone.
        """
        job = self._latest(name)
        following = ["--follow"] if follow else []
        arguments = ["job", "logs", _name(job), "--address", DASHBOARD, *following]
        return lines("kubectl", *self._in_head(job, "ray", *arguments))

    def exit_status(self, name: str) -> int | None:
        """The exit status of the latest job; 143 if it was stopped, None if it has not ended.

        Raises:
            UsageError: there is no such job.
        """
        status = self._latest(name).get("status", {})
        code = re.search(r"exit code (\d+)", status.get("message", ""))
        failed = int(code[1]) if code else 1
        return {"SUCCEEDED": 0, "STOPPED": 143, "FAILED": failed}.get(status.get("jobStatus", ""))

    def stop(self, name: str) -> None:
        """Let Ray end the driver, which closes its records. A job that has not begun is deleted.

        The cluster and the search's output stay for ``ttl_seconds``.

        Raises:
            UsageError: no job of the search runs, or it has not ended in time.
        """
        job = self._latest(name)
        if _deployment(job) in _ENDED:
            raise UsageError(f"--stop {name}: its last job, {_name(job)}, has ended")
        if not job.get("status", {}).get("jobStatus"):
            self._kubectl("delete", "rayjob", _name(job))
            return
        stopping = self._in_head(job, "ray", "job", "stop", _name(job), "--address", DASHBOARD)
        output("kubectl", *stopping, seconds=STOP_SECONDS + 30)  # Ray kills it after the first

    def _kubectl(self, verb: str, *arguments: str, text: str = "") -> str:
        return output("kubectl", verb, "--namespace", self.cluster.namespace, *arguments, text=text)

    def _jobs(self, name: str | None) -> list[RayJob]:
        selector = ",".join(f"{key}={value}" for key, value in LABELS.items())
        answer = self._kubectl("get", "rayjobs", "--selector", selector, "--output", "json")
        jobs = [job for job in json.loads(answer)["items"] if name in (None, _search(job))]
        return sorted(jobs, key=lambda job: str(job["metadata"]["creationTimestamp"]))

    def _latest(self, name: str) -> RayJob:
        jobs = self._jobs(name)
        if not jobs:
            raise UsageError(f"{name}: no job of this search in namespace {self.cluster.namespace}")
        return jobs[-1]

    def _in_head(self, job: RayJob, *command: str) -> list[str]:
        """The arguments of ``kubectl`` that run ``command`` in the head pod of ``job``."""
        cluster = job.get("status", {}).get("rayClusterName", "")
        selector = f"ray.io/cluster={cluster},ray.io/node-type=head"
        answer = self._kubectl("get", "pods", "--selector", selector, "--output", "name")
        pods = answer.split()
        if not cluster or not pods:
            raise UsageError(f"{_name(job)}: its cluster does not exist yet, or no longer exists")
        place = ["--namespace", self.cluster.namespace, pods[0], "--container", HEAD]
        return ["exec", *place, "--", *command]


def _line(job: RayJob) -> JobLine:
    status = job.get("status", {})
    begun = status.get("startTime")
    state = status.get("jobStatus") or _deployment(job) or "waiting"
    return JobLine(_name(job), _search(job), state.lower(), _time(begun) if begun else None)


def _time(written: str) -> datetime:
    return datetime.fromisoformat(written).astimezone()


def _name(job: RayJob) -> str:
    return str(job["metadata"]["name"])


def _search(job: RayJob) -> str:
    return str(job["metadata"].get("annotations", {}).get(SEARCH, _name(job)))


def _deployment(job: RayJob) -> str:
    return str(job.get("status", {}).get("jobDeploymentStatus", ""))

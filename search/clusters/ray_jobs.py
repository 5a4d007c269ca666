"""Sends searches to a running Ray cluster, by Ray's job API."""

import asyncio
import json
import logging
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from ray.exceptions import AuthenticationError
from ray.job_submission import JobDetails, JobStatus, JobSubmissionClient

from search.clusters.base import STOP_SECONDS, JobLine, Submission
from search.clusters.kinds.ray_jobs import RayJobs
from search.trials.code_version import SHIPPED, code_version
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import counted

CODE = ("search", "trainables", "analysis", "configs")
SEARCH = "convoy.search"
# Ray's modules that log how they pack, send and close.
TALKATIVE = ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk")
_Answer = TypeVar("_Answer")


class RayJobsBackend:
    """Sends, watches and stops jobs of one cluster.

    Args:
        cluster: the cluster.
    """

    def __init__(self, cluster: RayJobs) -> None:
        self._cluster = cluster
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)

    def shown(self, submission: Submission) -> str:
        """The text of what would be sent."""
        with _shipment(submission) as folder:
            files = [path for path in folder.rglob("*") if path.is_file()]
            size = sum(path.stat().st_size for path in files) / 1e6
            names = sorted(path.name for path in folder.iterdir())
        shipped = f"{', '.join(names)}: {counted(len(files), 'file')}, {size:.1f} MB"
        variables = self._runtime_env(submission).get("env_vars", {})
        lines = [
            f"to         {self._cluster.address}",
            f"job        {submission.job}",
            f"command    {self._command(submission)}",
            f"code       {shipped if self._cluster.ship else 'what is installed there'}",
            *(f"variable   {name}={value}" for name, value in variables.items()),
            *(f"package    {each}" for each in self._cluster.pip),
        ]
        return "\n".join(lines)

    def submit(self, submission: Submission) -> None:
        """Send the search.

        Raises:
            UsageError: the cluster does not answer, refuses the token, or has such a job already.
        """
        with _shipment(submission) as folder:
            env = self._runtime_env(submission)
            if self._cluster.ship:
                env["working_dir"] = str(folder)
            self._ask(
                lambda client: client.submit_job(
                    # Ray runs it in a shell; with exec, SIGTERM reaches the search itself.
                    entrypoint=f"exec {self._command(submission)}",
                    submission_id=submission.job,
                    runtime_env=env,
                    metadata={SEARCH: submission.name},
                )
            )

    def status(self, name: str | None) -> list[JobLine]:
        """The jobs of search ``name``, or of all searches, in the order of their start."""
        return [_line(each) for each in self._jobs(name)]

    def logs(self, name: str, follow: bool) -> Iterator[str]:
        """The output of the last job of search ``name``; with ``follow`` until the job ends.

        Raises:
            UsageError: the connection is lost while it follows the job.
        """
        job = self._last(name)
        if not follow:
            yield self._ask(lambda client: client.get_job_logs(job))
            return
        tail = self._ask(lambda client: client).tail_job_logs(job)
        try:
            with asyncio.Runner() as runner:
                while (text := runner.run(anext(tail, None))) is not None:
                    yield text
        except (RuntimeError, OSError) as error:
            raise UsageError(
                f"{self._cluster.address}: the connection was lost; the search continues, and "
                f"--logs {name} --follow follows it again"
            ) from error

    def stop(self, name: str) -> None:
        """Make the last job of search ``name`` close its records and end.

        Raises:
            UsageError: it still runs after ``STOP_SECONDS``.
        """
        job = self._last(name)
        self._ask(lambda client: client.stop_job(job))
        deadline = time.monotonic() + STOP_SECONDS + 10
        while not self._ask(lambda client: client.get_job_status(job)).is_terminal():
            if time.monotonic() > deadline:
                raise UsageError(f"--stop {name}: job {job} has not ended in {STOP_SECONDS} s")
            time.sleep(0.5)

    def exit_status(self, name: str) -> int | None:
        """The exit status of the last job of search ``name``; 143 if it was stopped."""
        last = self._jobs(name)[-1]
        if last.status == JobStatus.FAILED:
            return int(last.driver_exit_code or 1)
        return {JobStatus.SUCCEEDED: 0, JobStatus.STOPPED: 143}.get(last.status)

    def _jobs(self, name: str | None) -> list[JobDetails]:
        """The submitted jobs that are searches."""
        jobs = self._ask(lambda client: client.list_jobs())
        mine = [each for each in jobs if SEARCH in (each.metadata or {}) and each.submission_id]
        chosen = [each for each in mine if name in (None, (each.metadata or {})[SEARCH])]
        return sorted(chosen, key=lambda each: each.start_time or 0)

    def _last(self, name: str) -> str:
        jobs = self._jobs(name)
        if not jobs:
            raise UsageError(f"{name}: no job of this search at {self._cluster.address}")
        return str(jobs[-1].submission_id)

    def _command(self, submission: Submission) -> str:
        return submission.command.replace("python", shlex.quote(self._cluster.python), 1)

    def _runtime_env(self, submission: Submission) -> dict[str, Any]:
        # Read by the process that stops the job, which otherwise waits only three seconds.
        variables = {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS)}
        env: dict[str, Any] = {"env_vars": {**variables, **submission.environment}}
        return {**env, "pip": list(self._cluster.pip)} if self._cluster.pip else env

    def _ask(self, question: Callable[[JobSubmissionClient], _Answer]) -> _Answer:
        """The cluster's answer to ``question``.

        Raises:
            UsageError: the cluster does not answer, or refuses.
        """
        address = self._cluster.address
        try:
            return question(JobSubmissionClient(address))
        except ConnectionError as error:
            raise UsageError(f"{address}: no Ray cluster answers; check that it runs") from error
        except AuthenticationError as error:
            raise UsageError(
                f"{address}: Ray refuses the token; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or "
                "RAY_AUTH_TOKEN_PATH as on the cluster"
            ) from error
        except RuntimeError as error:
            raise UsageError(f"{address}: {_refusal(error)}") from error


def _refusal(error: RuntimeError) -> str:
    """Ray's answer in one line, although it sends tracebacks."""
    text = str(error)
    if "already exists" in text:
        return "a job of this name was sent before; choose another --name, or --resume it"
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else type(error).__name__


def _line(job: JobDetails) -> JobLine:
    begun = datetime.fromtimestamp((job.start_time or 0) / 1000)
    search = str((job.metadata or {})[SEARCH])
    return JobLine(str(job.submission_id), search, str(job.status.value).lower(), begun)


@contextmanager
def _shipment(submission: Submission) -> Iterator[Path]:
    """A folder with the code and the user's own spaces, without data, runs and caches."""
    root = Path(__file__).parents[2]
    ignored = shutil.ignore_patterns("__pycache__", ".*", "*.pyc")
    with tempfile.TemporaryDirectory() as scratch:
        for name in CODE:
            shutil.copytree(root / name, Path(scratch) / name, ignore=ignored)
        version = json.dumps(asdict(code_version()))
        (Path(scratch) / "search" / SHIPPED).write_text(version, encoding="utf-8")
        # Ray identifies what is shipped by its content, and removes it with the last job that used
        # it, even while another job with the same content is being sent.
        (Path(scratch) / "configs" / "job").write_text(submission.job, encoding="utf-8")
        for place, path in submission.spaces.items():
            (Path(scratch) / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, Path(scratch) / place)
        yield Path(scratch)

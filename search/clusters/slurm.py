"""Sends searches to a Slurm cluster, from a machine with Slurm's programs and the storage."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from search.clusters.base import STOP_SECONDS, JobLine, Submission
from search.clusters.kinds.slurm import Slurm
from search.clusters.program import output
from search.clusters.slurm_script import batch_script, job_folder, jobs_folder
from trainables.boundary.errors import UsageError

_SENT = "sent.json"  # in a job's folder: Slurm's number of the job, and the search's name
_OPEN = ("pending", "configuring", "running", "suspended", "completing")
_BETWEEN = 2.0  # seconds between two questions to Slurm
_END_SECONDS = 60  # time in which Ray ends on all nodes after the driver


@dataclass(frozen=True)
class _Sent:
    """A job that was sent.

    Attributes:
        folder: folder of the job.
        number: Slurm's number of the job.
        search: name of the search.
    """

    folder: Path
    number: str
    search: str


@dataclass(frozen=True)
class SlurmBackend:
    """The searches in an ``out`` folder. It calls ``sbatch`` and others with the user's rights.

    Args:
        cluster: the cluster.
    """

    cluster: Slurm

    def shown(self, submission: Submission) -> str:
        """The batch script of a search.

        Raises:
            UsageError: a flag or space of the search is wrong.
        """
        return batch_script(submission, self.cluster)

    def submit(self, submission: Submission) -> None:
        """Write the job's folder and queue its script.

        Raises:
            UsageError: the folder cannot be written to, ``sbatch`` is missing, or Slurm refuses.
        """
        script = self.shown(submission)
        folder = Path(job_folder(submission, self.cluster))
        _make(folder, script, submission)
        try:
            number = output("sbatch", "--parsable", str(folder / "script.sh"))
        except UsageError:
            shutil.rmtree(folder)
            raise
        sent = {"number": number.strip().partition(";")[0], "search": submission.name}
        (folder / _SENT).write_text(json.dumps(sent), encoding="utf-8")

    def status(self, name: str | None) -> list[JobLine]:
        """The jobs of search ``name``, or of all searches, the latest last.

        Raises:
            UsageError: Slurm does not answer.
        """
        sent = self._sent(name)
        states = _states([each.number for each in sent]) if sent else {}
        return [
            JobLine(each.number, each.search, *states.get(each.number, ("forgotten", None)))
            for each in sent
        ]

    def logs(self, name: str, follow: bool) -> Iterator[str]:
        """The output of the job.

        Raises:
            UsageError: there is no such job, or it has printed nothing yet.
        """
        job = self._latest(name)
        log = job.folder / "log"
        while follow and not log.exists() and _state(job) in _OPEN:
            time.sleep(_BETWEEN)
        try:
            file = log.open(encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageError(f"{name}: no output yet; its job is {_state(job)}") from error
        with file:
            yield from _followed(file, job) if follow else file

    def exit_status(self, name: str) -> int | None:
        """The exit status that the latest job's script wrote; None if the job has not ended.

        1 if Slurm ended the job before the script could write it.

        Raises:
            UsageError: there is no such job.
        """
        job = self._latest(name)
        try:
            return int((job.folder / "status").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None if _state(job) in _OPEN else 1

    def stop(self, name: str) -> None:
        """Make the driver close its records and end; a job that still waits is cancelled.

        Raises:
            UsageError: no job of the search runs, or it did not end in time and was cancelled.
        """
        job = self._latest(name)
        state = _state(job)
        if state not in _OPEN:
            raise UsageError(f"--stop {name}: its last job, {job.number}, has ended ({state})")
        if state == "pending":
            output("scancel", job.number)
            return
        output("scancel", "--batch", "--signal=TERM", job.number)
        end = time.monotonic() + STOP_SECONDS + _END_SECONDS
        while _state(job) in _OPEN:
            if time.monotonic() > end:
                output("scancel", job.number)
                raise UsageError(
                    f"--stop {name}: job {job.number} did not end in time; it was cancelled"
                )
            time.sleep(_BETWEEN)

    def _sent(self, name: str | None) -> list[_Sent]:
        """The jobs of search ``name``, or of all searches, the oldest first."""
        files = Path(jobs_folder(self.cluster)).glob(f"*/{_SENT}")
        jobs = []
        for file in sorted(files, key=lambda file: file.stat().st_mtime):
            job = _Sent(file.parent, **json.loads(file.read_text(encoding="utf-8")))
            if name in (None, job.search):
                jobs.append(job)
        return jobs

    def _latest(self, name: str) -> _Sent:
        sent = self._sent(name)
        if not sent:
            raise UsageError(f"{name}: no job of this search in {jobs_folder(self.cluster)}")
        return sent[-1]


def _make(folder: Path, script: str, submission: Submission) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        (folder / "script.sh").write_text(script, encoding="utf-8")
        for place, file in submission.spaces.items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / place)
    except OSError as error:
        raise UsageError(f"{folder}: cannot write to it ({error.strerror})") from error


def _state(job: _Sent) -> str:
    return _states([job.number]).get(job.number, ("forgotten", None))[0]


def _states(numbers: list[str]) -> dict[str, tuple[str, datetime | None]]:
    """State and start by number: from the queue, and from the accounts for jobs that left it."""
    # The queue reports an error for a number that it has forgotten, so ask for all its jobs.
    states = _read(output("squeue", "--me", "--states=all", "--noheader", "--format=%i|%T|%S"))
    gone = [number for number in numbers if number not in states]
    if gone:
        columns = "--format=JobID,State,Start"
        with suppress(UsageError):  # a cluster need not keep accounts
            asked = [f"--jobs={','.join(gone)}", "--allocations", "--noheader", "--parsable2"]
            states |= _read(output("sacct", *asked, columns))
    return states


def _read(table: str) -> dict[str, tuple[str, datetime | None]]:
    rows = [line.split("|") for line in table.splitlines() if line.count("|") == 2]
    return {
        number: (state.split()[0].rstrip("+").lower(), _time(begun))
        for number, state, begun in rows
        if state.strip()
    }


def _time(written: str) -> datetime | None:
    """The time that Slurm prints, in the zone of its machines; None for N/A and Unknown."""
    try:
        return datetime.fromisoformat(written).astimezone()
    except ValueError:
        return None


def _followed(file: TextIO, job: _Sent) -> Iterator[str]:
    """The content of ``file``, and what is added until the job ends."""
    ended = False
    while True:
        text = file.read()
        if text:
            yield text
        elif ended:
            return
        else:
            ended = _state(job) not in _OPEN
            time.sleep(0 if ended else _BETWEEN)

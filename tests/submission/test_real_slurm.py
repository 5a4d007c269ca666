"""The batch script on a real Slurm of two machines: ``make slurm-test``, some five minutes."""

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
import slurm_machines
import yaml
from slurm_machines import ROOT, Slurm, slurm, wait_for

pytestmark = pytest.mark.skipif(
    not os.environ.get("CONVOY_SLURM_TEST"), reason="make slurm-test runs it"
)

SMALL = "--space gap5 --train-limit 600 --val-limit 300 --cpus-per-trial 1 --set pool_stride=2"
SMALL += " --finalists 0"
LONG = "--trials 4 --epochs 400"
CLIENT = "import ray; ray.init(address='{}', logging_level='ERROR')"


@dataclass
class Cluster:
    """The machines, and the file that describes them."""

    machines: Slurm
    file: Path
    out: Path

    def submit(self, *flags: str, timeout: float = 400) -> str:
        """What ``search.submit`` prints."""
        command = ["python", "-m", "search.submit", "--cluster", str(self.file), *flags]
        done = self.machines.run(*command, timeout=timeout)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def send(self, name: str, flags: str, *own: str) -> None:
        self.submit(*own, "--", *SMALL.split(), *flags.split(), "--name", name)

    def summary(self, name: str) -> dict:
        return json.loads((self.out / name / "summary.json").read_text())

    def log(self, name: str) -> str:
        path = self.out / ".jobs" / name / "log"
        return path.read_text() if path.exists() else ""

    def epochs(self, name: str) -> int:
        files = (self.out / name).glob("trial-*/result.json")
        return sum(len(file.read_text().splitlines()) for file in files)

    def state(self, name: str) -> str:
        return self.submit("--status", name).split()[1]

    def trains(self, name: str) -> None:
        wait_for(lambda: self.epochs(name) >= 2, 240)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    if absent := slurm_machines.missing():
        pytest.skip(f"a Slurm cluster needs {absent}")
    folder = tmp_path_factory.mktemp("slurm")
    folder.chmod(0o755)
    with slurm(folder / "machines") as machines:
        file, out = folder / "my cluster.yaml", folder / "runs' of #1"
        written = {"kind": "slurm", "folder": str(ROOT), "nodes": 2, "cpus": 1, "time": "20"}
        written |= {"out": str(out), "data": "embedded"}
        written |= {"environment": {"CONVOY_CACHE": str(folder / "cache")}}
        file.write_text(yaml.safe_dump(written))
        yield Cluster(machines, file, out)


def test_a_search_runs_on_both_nodes_and_ends_whole(cluster):
    cluster.send("whole", "--trials 3 --epochs 2", "--follow")
    assert cluster.summary("whole")["status"] == "complete"
    assert cluster.summary("whole")["trials"]["completed"] >= 1
    assert cluster.log("whole").splitlines()[-1].startswith("analyse")  # and nothing of Ray's
    assert "On worker node" in (cluster.out / ".jobs" / "whole" / "slurm.log").read_text()
    assert cluster.state("whole") == "completed"


def test_a_search_is_stopped_and_goes_on(cluster):
    cluster.send("stopped", "--trials 2 --epochs 20")
    cluster.trains("stopped")
    folder = cluster.out / ".jobs" / "stopped"
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    cluster.submit("--stop", "stopped")
    assert cluster.summary("stopped")["status"] == "interrupted"
    assert "--cluster FILE -- --resume stopped" in cluster.submit("--logs", "stopped")
    assert not (folder / "token").exists()
    cluster.submit("--follow", "--", "--resume", "stopped")
    assert cluster.summary("stopped")["status"] == "complete"


def test_whoever_has_no_token_is_refused(cluster):
    cluster.send("closed", LONG)
    cluster.trains("closed")
    address = "10.77.0.1:6379"
    token = str(cluster.out / ".jobs" / "closed" / "token")
    mode = ["env", "RAY_AUTH_MODE=token", f"RAY_AUTH_TOKEN_PATH={token}"]
    client = ["python", "-c", CLIENT.format(address)]
    without = ["env", "-u", "RAY_AUTH_MODE", "HOME=/nonexistent"]
    try:
        assert cluster.machines.run(*mode, *client).returncode == 0
        assert cluster.machines.run(*without, *client).returncode != 0
    finally:
        cluster.submit("--stop", "closed")


def test_a_job_at_its_time_limit_leaves_a_search_that_can_go_on(cluster):
    written = yaml.safe_load(cluster.file.read_text())
    cluster.file.write_text(yaml.safe_dump({**written, "time": "4"}))
    cluster.send("late", LONG)
    wait_for(lambda: cluster.state("late") not in ("pending", "running", "completing"), 300)
    cluster.file.write_text(yaml.safe_dump(written))
    assert cluster.summary("late")["status"] == "interrupted"
    assert "--cluster FILE -- --resume late" in cluster.log("late")
    assert cluster.epochs("late") > 0

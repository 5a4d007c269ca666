"""A real Slurm cluster of two machines, each a set of namespaces on this one.

They have process tables of their own, as ``ray symmetric-run`` ends every Ray that it sees, host
names, and a network between the two alone. Needs root, unshare, iproute2, munge and Slurm.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "munged", "unshare", "nsenter", "ip")
ADDRESSES = {"node1": "10.77.0.1", "node2": "10.77.0.2"}
ROOT = Path(__file__).parents[2]

CONFIGURATION = """\
ClusterName=convoy
SlurmctldHost=node1(10.77.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdParameters=config_overrides
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdSpoolDir={folder}/spool.%n
StateSaveLocation={folder}/state
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
MinJobAge=300
KillWait=5
NodeName=node1 NodeAddr=10.77.0.1 CPUs=2 State=UNKNOWN
NodeName=node2 NodeAddr=10.77.0.2 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=node1,node2 Default=YES MaxTime=60 State=UP
"""


def missing() -> str:
    """What is not here; empty if all is."""
    absent = [name for name in PROGRAMS if _program(name) is None]
    return ", ".join(absent) if absent else "" if os.geteuid() == 0 else "root's rights"


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


MACHINE = """\
set -e
node=$1 folder=$2
mount -t tmpfs tmpfs /run && mkdir -m 755 /run/munge
mount --bind "$folder/hosts" /etc/hosts
hostname "$node"
ip link set lo up
until ip link show "$node" > /dev/null 2>&1; do sleep 0.1; done
ip address add "$(awk -v n="$node" '$2 == n { print $1 }' /etc/hosts)/24" dev "$node"
ip link set "$node" up
export PATH=$PATH:/usr/sbin:/sbin
munged --foreground --force --key-file="$folder/key" --log-file="$folder/munged.$node.log" \
    --pid-file=/run/munge/pid --seed-file=/run/munge/seed --socket=/run/munge/munge.socket.2 &
until [ -S /run/munge/munge.socket.2 ]; do sleep 0.1; done
if [ "$node" = node1 ]; then slurmctld -D & fi
slurmd -D -N "$node" &
wait
"""


@dataclass
class Slurm:
    """The cluster, and how to run something on its first machine.

    Args:
        folder: of all that is written.
        init: process in which the first machine began.
    """

    folder: Path
    init: int

    def run(self, *command: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """``command`` on the first machine, as a user there would run it."""
        bin_folder = str(Path(sys.executable).parent)
        environment = {
            **os.environ,
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
        }
        inside = ["nsenter", "--target", str(self.init), "--all", f"--wd={ROOT}", *command]
        return subprocess.run(
            inside, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )


@contextmanager
def slurm(folder: Path) -> Iterator[Slurm]:
    """A cluster of two machines, which is gone afterwards, with all that ran on it."""
    (folder / "state").mkdir(parents=True)
    (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder))
    (folder / "hosts").write_text(
        "127.0.0.1 localhost\n" + "".join(f"{ip} {name}\n" for name, ip in ADDRESSES.items())
    )
    (folder / "key").write_bytes(os.urandom(128))
    (folder / "key").chmod(0o400)
    with ExitStack() as machines:
        inits = [machines.enter_context(_machine(name, folder)) for name in ADDRESSES]
        ends = [word for name, init in zip(ADDRESSES, inits, strict=True) for word in (name, init)]
        cable = "ip link add {} netns {} type veth peer name {} netns {}".format(*ends)
        subprocess.run(cable.split(), check=True)
        made = Slurm(folder, inits[0])
        wait_for(lambda: made.run("sinfo", "--noheader", "--format=%D%t").stdout == "2idle\n", 60)
        yield made


@contextmanager
def _machine(name: str, folder: Path) -> Iterator[int]:
    """The first process of a machine, as this one knows it."""
    parts = [
        "--pid",
        "--fork",
        "--kill-child",
        "--mount",
        "--mount-proc",
        "--uts",
        "--net",
        "--ipc",
    ]
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    machine = ["bash", "-c", MACHINE, "machine", name, str(folder)]
    with (
        (folder / f"{name}.log").open("w") as log,
        subprocess.Popen(
            ["unshare", *parts, "--fork", "--kill-child", *machine],
            env=environment,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        try:
            wait_for(lambda: bool(children.read_text().split()), 10)
            yield int(children.read_text().split()[0])
        finally:
            process.kill()


def wait_for(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.5)

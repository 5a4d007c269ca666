"""A search as a batch script of Slurm: a Ray cluster on the job's nodes, and the search on it."""

import shlex
from pathlib import PurePosixPath

from search import environment
from search.clusters.base import STOP_SECONDS, Submission
from search.clusters.kinds.slurm import Slurm

# Slurm may send a signal a minute early, and checks the time only every half minute.
_WARNING = 2 * STOP_SECONDS
_START_SECONDS = 300  # nodes may read Python's packages from slow shared storage
_END_SECONDS = 10  # time in which the nodes end by themselves after the first
_HEAD = """\
# This script runs on the first node, which is the head. Its name may mean loopback there.
head=$(getent ahostsv4 "$SLURMD_NODENAME" | awk '$1 !~ /^127\\./ { print $1; exit }')
head=${head:-$(hostname -I | cut -d ' ' -f 1)}
"""
_CLOSED = """\
# Ray listens on the nodes' network and obeys everyone who has this token, and nobody else.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$PWD/token
(umask 077 && python -c 'import secrets; print(secrets.token_hex(32), end="")' > token) || exit
trap 'rm -f token pid' EXIT
"""
_STOP = """\
# Runs before the time is up, and on scancel --batch --signal=TERM. Only the driver gets the signal:
# Ray's processes would end at once, and the search with them.
stop() {
    trap '' TERM
    if [ -s pid ]; then
        kill -TERM "$(cat pid)"
    elif [ -n "${step:-}" ]; then # Ray is being started
        kill -TERM "$step"
    else
        exit 143
    fi
}
trap stop TERM
"""
# Ray on the other nodes would notice only after a minute that the head is gone, and log it at
# length. So srun ends it, and the exit status comes from the driver's own file and not from srun.
_DRIVER = 'env RAY_ADDRESS="$0" "$@" >> log 2>&1 & echo $! > pid; wait $!; echo $? > status'
_WAIT = """\
step=$!
wait "$step"
while kill -0 "$step" 2> /dev/null; do # a signal ended the wait, not the step
    wait "$step"
done
"""
_END = """\
if ! status=$(cat status); then
    echo "error: the search did not start; see $PWD/slurm.log" >> log
    status=1
fi
if [ "$status" -ne 0 ] && [ "$status" -ne 3 ] && [ -d {search} ]; then
    echo {line} >> log
fi
srun --ntasks-per-node=1 rm -rf "$RAY_TMPDIR"
exit "$status"
"""


def job_folder(submission: Submission, cluster: Slurm) -> PurePosixPath:
    """The folder of a job.

    It holds the script, the search's output (``log``), the other output of Ray and Slurm
    (``slurm.log``), the token while the job runs, and the user's space files.
    """
    return jobs_folder(cluster) / submission.job


def jobs_folder(cluster: Slurm) -> PurePosixPath:
    """The folder of all jobs; no search can have its name."""
    return PurePosixPath(cluster.out) / ".jobs"


def batch_script(submission: Submission, cluster: Slurm) -> str:
    """The whole script; ``sbatch`` needs no other option."""
    folder = shlex.quote(str(job_folder(submission, cluster)))
    parts = [
        "#!/bin/bash\n" + _directives(submission, cluster),
        f"mkdir -p {folder} && chmod 700 {folder} && cd {folder} || exit\n",
        _setup(cluster),
        _exports(submission, cluster),
        _CLOSED,
        "head=127.0.0.1\n" if cluster.nodes == 1 else _HEAD,
        _STOP,
        _step(submission, cluster) + _WAIT,
        _end(submission, cluster),
    ]
    return "\n".join(part for part in parts if part)


def _directives(submission: Submission, cluster: Slurm) -> str:
    printed = str(job_folder(submission, cluster) / "slurm.log").replace("%", "%%")
    options: dict[str, object] = {
        "job-name": submission.job,
        "output": printed,
        "nodes": cluster.nodes,
        "ntasks-per-node": 1,
        "cpus-per-task": cluster.cpus,
        "gpus-per-node": cluster.gpus or None,
        "mem": cluster.memory,
        "time": cluster.time,
        "partition": cluster.partition,
        "account": cluster.account,
        "signal": f"B:TERM@{_WARNING}",
    }
    directives = [f"--{key}={shlex.quote(str(value))}" for key, value in options.items() if value]
    # If Slurm itself started the job again, it would fail, as the search's folder exists.
    directives += ["--no-requeue", *(["--exclusive"] if cluster.exclusive else [])]
    return "".join(f"#SBATCH {option}\n" for option in directives)


def _setup(cluster: Slurm) -> str:
    return "".join(f"{line}\n" for line in cluster.setup)


def _exports(submission: Submission, cluster: Slurm) -> str:
    """Variables of the driver, of Ray on all nodes and of the workers; ``srun`` passes them on."""
    variables = {**environment.for_nodes(loopback=cluster.nodes == 1), **submission.environment}
    variables["RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT"] = str(_START_SECONDS)
    # sbatch passes on the user's own, which would take precedence; the last forbids a second node.
    lines = ["unset RAY_ADDRESS RAY_AUTH_TOKEN RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER\n"]
    lines += [f"export {key}={shlex.quote(value)}\n" for key, value in variables.items()]
    lines += [
        f"export PYTHONPATH={shlex.quote(cluster.folder)}${{PYTHONPATH:+:$PYTHONPATH}}\n",
        # For this job alone, and short: the paths of Ray's sockets below it are limited.
        "export RAY_TMPDIR=/tmp/convoy-$SLURM_JOB_ID\n",
    ]
    return "".join(lines)


def _step(submission: Submission, cluster: Slurm) -> str:
    nodes, address = cluster.nodes, f'"$head:{cluster.port}"'
    return (
        f"srun --nodes={nodes} --ntasks={nodes} --cpus-per-task={cluster.cpus}"
        f" --wait={_END_SECONDS} \\\n"
        f"    ray symmetric-run --address {address} --min-nodes {nodes}"
        f" --num-cpus={cluster.cpus} --num-gpus={cluster.gpus} -- \\\n"
        f"    bash -c {shlex.quote(_DRIVER)} {address} \\\n"
        f"    {submission.command} &\n"
    )


def _end(submission: Submission, cluster: Slurm) -> str:
    resume = shlex.join(["--resume", submission.name])
    line = f"resume     python -m search.submit --cluster FILE -- {resume}"
    folder = str(PurePosixPath(cluster.out) / submission.name)
    text = _END.replace("{line}", shlex.quote(line))
    return text.replace("{search}", shlex.quote(folder))

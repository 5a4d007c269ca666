"""``python -m convoy.container``: run a container as a node of a Ray cluster or as a command."""

import os
import re
import signal
import sys
from typing import NoReturn

from convoy.__main__ import main as convoy
from convoy.doors import DOORS
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import nearest

# A search hardly uses Ray's object store.
_NODE = ("--block", "--object-store-memory=200000000", "--disable-usage-stats")
ROLES = {
    "head": "start the head of a Ray cluster; takes flags of ray start",
    "worker": "join one: worker HEAD:6379, then flags of ray start",
    "python": "run Python, for commands that a search prints: python -m search.list",
}
_ADDRESS = re.compile(r"[^\s/-][^\s/]*:\d{1,5}")
_HELP = {"-h", "--help"}
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1)


@command
def main(argv: list[str] | None = None) -> int:
    """Run the role or command that ``argv`` names; the exit status.

    That of the command; 2 there is no such role or command, or a worker lacks the head's address.
    """
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("head", "worker") and _HELP & {*rest}:
        _ray("--help")
    if name == "head":
        _ray("--head", *_NODE, "--port=6379", "--dashboard-host=0.0.0.0", *rest)
    if name == "worker":
        head, *flags = rest or [""]
        if not _ADDRESS.fullmatch(head):
            raise UsageError(
                f"worker: {head!r} is not the address of a head; write worker HEAD:6379"
            )
        _ray(f"--address={head}", *_NODE, *flags)
    if name == "python":
        os.execvp("python", [name, *rest])
    if name not in DOORS and not name.startswith("-"):
        near = nearest(name, [*ROLES, *DOORS])
        raise UsageError(f"{name!r} is neither a role nor a command{near}; --help lists both")
    if name in _HELP:
        print(_roles())
    return convoy([name, *rest])


def _ray(*flags: str) -> NoReturn:
    os.execvp("ray", ["ray", "start", *flags])


def _roles() -> str:
    rows = [f"  {name:11}  {what}" for name, what in ROLES.items()]
    return "\n".join(["A container is a node of a Ray cluster, or runs a command:", "", *rows, ""])


def go_on_as_child() -> None:
    """If this is a container's first process, fork, and return only in the child.

    The kernel delivers to a first process only the signals that it handles, and makes it the parent
    of every orphan. So the first process only forwards signals and reaps, and ends with the child's
    status. The image blocks signals before, so that none is lost while Python starts.
    """
    if os.getpid() != 1:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)
    child = os.fork()
    if child == 0:
        _take_terminal()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
        return
    # Handlers would lose a signal that comes just before a wait, and forward one to a reaped child.
    awaited = {*_FORWARDED, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    while (code := _reap(child)) is None:
        number = signal.sigwait(awaited)
        if number != signal.SIGCHLD:
            os.kill(child, number)
    os._exit(code if code >= 0 else 128 - code)


def _reap(child: int) -> int | None:
    """Reap all processes that have ended; the exit code of ``child``, None while it runs."""
    while True:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == child:
            return os.waitstatus_to_exitcode(status)
        if ended == 0:
            return None


def _take_terminal() -> None:
    """Let Ctrl-C reach only the child's group; else the first process would forward it again."""
    os.setpgid(0, 0)
    if os.isatty(0):
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpgrp())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)


if __name__ == "__main__":
    go_on_as_child()
    sys.exit(main())

"""``python -m convoy.container``: what a container does, a node of a Ray cluster or a command."""

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
    "head": "the head of a Ray cluster, and flags of ray start",
    "worker": "a worker of one: worker HEAD:6379, and flags of ray start",
    "python": "Python: python -m search.list, as lines of a search name commands",
}
_ADDRESS = re.compile(r"[^\s/-][^\s/]*:\d{1,5}")
_HELP = {"-h", "--help"}
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1)


@command
def main(argv: list[str] | None = None) -> int:
    """Do what ``argv`` asks for; its exit status.

    As of the command; 2 there is no such role or command, or a worker has no address of a head.
    """
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("head", "worker") and _HELP & {*rest}:
        _ray("--help")
    if name == "head":
        _ray("--head", *_NODE, "--port=6379", "--dashboard-host=0.0.0.0", *rest)
    if name == "worker":
        head, *flags = rest or [""]
        if not _ADDRESS.fullmatch(head):
            raise UsageError(f"worker: {head!r} is no address of a head; first: worker HEAD:6379")
        _ray(f"--address={head}", *_NODE, *flags)
    if name == "python":
        os.execvp("python", [name, *rest])
    if name not in DOORS and not name.startswith("-"):
        near = nearest(name, [*ROLES, *DOORS])
        raise UsageError(f"{name!r} is no role and no command{near}; --help lists them")
    if name in _HELP:
        print(_roles())
    return convoy([name, *rest])


def _ray(*flags: str) -> NoReturn:
    os.execvp("ray", ["ray", "start", *flags])


def _roles() -> str:
    rows = [f"  {name:11}  {what}" for name, what in ROLES.items()]
    return "\n".join(["A container is a node of a cluster, or runs a command:", "", *rows, ""])


def go_on_as_child() -> None:
    """Where this is a container's first process, return in a child of it alone.

    The kernel spares the first process every signal that it does not handle, and makes it the
    parent of every orphan. So it does nothing but hand signals on and reap, and ends as the child.
    The image blocks the signals until then: those that come while Python starts wait.
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
    for number in _FORWARDED:
        signal.signal(number, lambda number, _: os.kill(child, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
    ended = 0
    while ended != child:
        ended, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _take_terminal() -> None:
    """Have Ctrl-C reach the child's group alone: the first process would hand it on once more."""
    os.setpgid(0, 0)
    if os.isatty(0):
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpgrp())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)


if __name__ == "__main__":
    go_on_as_child()
    sys.exit(main())

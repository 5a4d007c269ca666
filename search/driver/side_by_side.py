"""Runs several searches at once on a joined cluster, each in a process of its own."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from search.driver.lock import locked
from search.records.search_file import SearchFile, read_search_file
from search.request.growth import grown, with_flags
from search.request.request import Request


def run_side_by_side(requests: list[Request], console: Console) -> list[int]:
    """Run the searches, or resume those that are not whole; their exit statuses, in order.

    SIGINT and SIGTERM are passed on to all of them. Their records are closed when this returns.
    """
    for request in requests:
        if not request.folder.exists():
            search_file = SearchFile(request.command, request.flags, request.identity)
            search_file.claim(request.folder, request.space_file)
            continue
        written = grown(request) or read_search_file(request.folder)
        with locked(request.folder):
            with_flags(written, request).write(request.folder)
    running = [_begin(request) for request in requests]
    with _passing_on(running):
        readers = [
            threading.Thread(target=_relay, args=(request.space_name, process, console))
            for request, process in zip(requests, running, strict=True)
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        return [_exit_status(process.wait()) for process in running]


def _begin(request: Request) -> "subprocess.Popen[str]":
    # The process gets a session of its own, or a terminal would send it the same SIGINT again.
    resume = ["--resume", request.name, "--out", str(request.out)]
    tracking = ["--tracking-uri", request.tracking_uri]
    return subprocess.Popen(
        [sys.executable, "-m", "search.run", *resume, *tracking],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _relay(space: str, process: "subprocess.Popen[str]", console: Console) -> None:
    """Print what the process prints, each line after the name of its space."""
    assert process.stdout is not None
    for line in process.stdout:
        console.print(f"{space:8} {line.rstrip()}", markup=False, soft_wrap=True)


@contextmanager
def _passing_on(running: "list[subprocess.Popen[str]]") -> Iterator[None]:
    def pass_on(number: int, _: object) -> None:
        for process in running:
            if process.poll() is None:
                process.send_signal(number)

    handlers: dict[signal.Signals, Callable[..., Any] | int | None] = {
        number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _exit_status(code: int) -> int:
    """The exit status as a shell gives it: 128 + signal for a process that a signal killed."""
    return code if code >= 0 else 128 - code

"""The driver's process is killed, at moments all over a search's life."""

import time
from functools import partial

from account import Account
from fault import Bench, Fault, Outcome, completed, gone
from searches import Run, Search, wait_for

TRIES = 20
CLOSING = 3  # of the tries: while the records are closed
TWICE = 4  # every so many-th try is killed again as it goes on
ALONE = ("--concurrency", "1")


def killed(bench: Bench) -> Outcome:
    """Kill it at moments that are spread over the whole life, and as its records are closed."""
    spread, closing = (1, 0) if bench.short else (TRIES - CLOSING, CLOSING)
    shares = [(index + bench.draw.random()) / spread for index in range(spread)]
    moments = [*shares, *[None] * closing]
    found = bench.try_all(
        partial(_try, bench, index, share, bench.draw.random())
        for index, share in enumerate(moments)
    )
    twice = len(moments) // TWICE
    return Outcome(
        len(moments), found, f"{twice} of them twice, {closing} while records are closed"
    )


def _try(bench: Bench, index: int, share: float | None, drawn: float) -> Account:
    flags = ALONE if index % 2 == 0 else ("--concurrency", "2")
    search = bench.search(f"killed{index:02d}", *((4, 3) if bench.short else (12, 4)), *flags)
    life = bench.unbroken.like(search)[1]
    with search.begun() as run:
        _await(search, run, None if share is None else share * life, drawn)
        found = _kill(bench, search, run)
    if index % TWICE == TWICE - 1:
        with search.continued() as again:
            _await(search, again, drawn * life, drawn)
            found += _kill(bench, search, again)
    found += completed(search)
    return found + bench.same_course(search) if flags == ALONE else found


def _await(search: Search, run: Run, seconds: float | None, drawn: float) -> None:
    """Wait until it has run for ``seconds``; without them, until its records are closed."""
    if seconds is None:
        wait_for(lambda: run.ended or search.over() == search.trials, "the last trial's end")
        seconds = drawn
    deadline = time.monotonic() + seconds
    wait_for(lambda: run.ended or time.monotonic() >= deadline, "the moment", seconds + 1)


def _kill(bench: Bench, search: Search, run: Run) -> Account:
    bench.say(
        f"{search.name}: killed with {search.over()} of {search.trials} trials over"
        f"{'' if search.folder.exists() else ', before its folder'}"
        f"{', at its end' if run.ended else ''}"
    )
    run.kill()
    return gone(run)


FAULTS = (Fault("driver-killed", "kill -9 of the driver, then --resume", killed, short=True),)

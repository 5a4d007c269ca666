"""The driver's process is killed, at moments all over a search's life."""

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from account import Account
from fault import Bench, Fault, Outcome, completed, gone, left_behind
from searches import Run, Search, wait_for

Phase = Literal["imports", "store", "trials", "end"]

TRIES: dict[Phase, int] = {"imports": 3, "store": 3, "trials": 11, "end": 3}
SHORT_TRIES: dict[Phase, int] = {"trials": 1}
BEFORE = 0.25  # of its life a search imports and starts Ray; there is no folder before
STORE = 0.15  # of its life it then makes its store and starts its first trial
LEAST = 0.8  # of all epochs are trained whatever ASHA stops
TWICE = 4  # every so many-th try is killed again as it goes on
ALONE = ("--concurrency", "1")


@dataclass(frozen=True)
class Moment:
    """When to kill.

    Attributes:
        phase: as the search imports and starts Ray, as it makes its folder and store, while it
            trains, or as its records are closed.
        share: of the phase that is over then, 0 to 1.
    """

    phase: Phase
    share: float


def killed(bench: Bench) -> Outcome:
    """Kill it at moments that are spread over all phases, some searches twice."""
    tries = SHORT_TRIES if bench.short else TRIES
    moments = [
        Moment(phase, (index + bench.draw.random()) / count)
        for phase, count in tries.items()
        for index in range(count)
    ]
    dead: list[Run] = []
    found = bench.try_all(
        partial(_try, bench, index, moment, bench.draw.random(), dead)
        for index, moment in enumerate(moments)
    )
    found += left_behind(dead)
    return Outcome(len(moments), found, f"{len(dead) - len(moments)} of them twice")


def _try(bench: Bench, index: int, moment: Moment, drawn: float, dead: list[Run]) -> Account:
    flags = ALONE if index % 2 == 0 else ("--concurrency", "2")
    search = bench.search(f"killed{index:02d}", *((4, 3) if bench.short else (6, 4)), *flags)
    search = replace(search, finalists=1 if bench.short else 2)
    life = bench.unbroken.like(replace(search, flags=ALONE))[1]
    with search.begun() as run:
        _await(search, run, moment, life)
        found = _kill(bench, search, run)
        dead.append(run)
    if index % TWICE == TWICE - 1:
        with search.continued() as again:
            _await(search, again, Moment("imports", drawn / 2 / BEFORE), life)
            found += _kill(bench, search, again)
            dead.append(again)
    found += completed(search)
    return found + bench.same_course(search) if flags == ALONE else found


def _await(search: Search, run: Run, moment: Moment, life: float) -> None:
    """Wait until the ``moment``, of a search that takes some ``life`` seconds."""
    seconds = moment.share
    if moment.phase == "imports":
        seconds *= BEFORE * life
    elif moment.phase == "store":
        wait_for(lambda: run.ended or search.folder.exists(), "its folder")
        seconds *= STORE * life
    elif moment.phase == "trials":
        wanted = int(moment.share * LEAST * search.trainings * search.epochs)
        wait_for(lambda: run.ended or _epochs(search) >= wanted, f"{wanted} epochs")
        seconds *= life / (search.trainings * search.epochs)
    else:
        wait_for(lambda: run.ended or search.over() >= search.trainings, "the last training's end")
    deadline = time.monotonic() + seconds
    wait_for(lambda: run.ended or time.monotonic() >= deadline, "the moment", seconds + 1)


def _epochs(search: Search) -> int:
    """Epochs that are recorded."""
    return sum(path.read_bytes().count(b"\n") for path in search.folder.glob("*/result.json"))


def _kill(bench: Bench, search: Search, run: Run) -> Account:
    bench.say(
        f"{search.name}: killed with {search.over()} trials over, {_epochs(search)} epochs"
        f"{'' if search.folder.exists() else ', before its folder'}"
        f"{', at its end' if run.ended else ''}"
    )
    run.kill()
    return gone(run)


FAULTS = (Fault("driver-killed", "kill -9 of the driver, then --resume", killed, short=True),)

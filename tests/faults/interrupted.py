"""A search is told to stop: SIGINT as a terminal sends it, SIGTERM as a scheduler does."""

import shlex
import signal
import time
from dataclasses import replace
from functools import partial

from account import Account, checked, still_running
from fault import Bench, Fault, Outcome, completed, ended
from searches import Run, Search, wait_for

WITHIN = 10.0  # seconds in which a search must have stopped; the short form asks for no speed
LONG_EPOCHS = ("--concurrency", "1", "--train-limit", "4500", "--set", "pool_stride=1")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def stopped(bench: Bench) -> Outcome:
    """Stop a search in the middle of its trials, and go on with the line that it prints."""
    seconds: list[float] = []
    signals, size = (SIGNALS[:1], (4, 3)) if bench.short else (SIGNALS, (12, 4))
    searches = [bench.search(f"stopped{number}", *size) for number in signals]
    if bench.short:  # it is compared with the unbroken search of another fault
        searches = [replace(each, finalists=1) for each in searches]
    found = bench.try_all(
        partial(_stop_and_go_on, bench, search, number, seconds)
        for search, number in zip(searches, signals, strict=True)
    )
    return Outcome(len(signals), found, _note(seconds))


def stopped_in_a_long_epoch(bench: Bench) -> Outcome:
    """Stop a search long before its first epoch ends."""
    seconds: list[float] = []
    tries = [
        partial(
            _stop_and_go_on,
            bench,
            bench.search(f"long{number}", 1, 1, *LONG_EPOCHS),
            number,
            seconds,
        )
        for number in SIGNALS
    ]
    return Outcome(len(tries), bench.try_all(tries), _note(seconds))


def stopped_early(bench: Bench) -> Outcome:
    """Stop a search while it starts: as it imports, as Ray starts, and as its store is made."""
    seconds: list[float] = []
    shares = [0.02, 0.1, 0.2, 0.3]
    tries = [
        partial(_stop_early, bench, index, share, SIGNALS[index % 2], seconds)
        for index, share in enumerate(shares)
    ]
    return Outcome(len(tries), bench.try_all(tries), _note(seconds))


def stopped_twice(bench: Bench) -> Outcome:
    """Press Ctrl-C again a second after the first."""
    seconds: list[float] = []
    tries = [
        partial(_stop_twice, bench, bench.search("twice"), seconds),
        partial(_stop_twice, bench, bench.search("twicelong", 1, 1, *LONG_EPOCHS), seconds),
    ]
    return Outcome(len(tries), bench.try_all(tries), _note(seconds))


def _stop_and_go_on(
    bench: Bench, search: Search, number: signal.Signals, seconds: list[float]
) -> Account:
    with search.begun() as run:
        _await_the_middle(search, run)
        found = _send(bench, run, number, seconds)
        found += ended(run, 128 + number)
        printed = [line for line in run.printed.splitlines() if line.startswith("resume ")]
    bench.say(f"{search.name}: stopped after {seconds[-1]:.1f} s, {search.over()} trials over")
    wanted = ["python", "-m", "search.run", "--resume", search.name, "--out", str(search.out)]
    found += checked([shlex.split(line)[1:] for line in printed] == [wanted], f"it says {printed}")
    found += Account(running=still_running(search))
    found += completed(search)
    return found + bench.same_course(search) if search.trials > 1 else found


def _stop_early(
    bench: Bench, index: int, share: float, number: signal.Signals, seconds: list[float]
) -> Account:
    search = bench.search(f"early{index}", 4, 3)
    life = bench.unbroken.like(search)[1]
    with search.begun() as run:
        time.sleep(share * life)
        found = _send(bench, run, number, seconds)
        status = run.wait()
        bench.say(f"{search.name}: {number.name} after {share * life:.1f} s, exit {status}")
        found += checked(status in (128 + number, -number), f"{number.name}: exit status {status}")
        # A negative status: Python itself was still importing the command.
        traced = status >= 0 and "Traceback" in run.printed
        found += checked(not traced, f"it printed {run.printed[-300:]!r}")
    return found + Account(running=still_running(search)) + completed(search)


def _stop_twice(bench: Bench, search: Search, seconds: list[float]) -> Account:
    with search.begun() as run:
        _await_the_middle(search, run)
        run.interrupt()
        time.sleep(1.0)
        found = _send(bench, run, signal.SIGINT, seconds)
        found += ended(run, 130)
        found += checked("Traceback" not in run.printed, f"it printed {run.printed[-300:]!r}")
    bench.say(f"{search.name}: stopped {seconds[-1]:.1f} s after the second")
    return found + completed(search)


def _await_the_middle(search: Search, run: Run) -> None:
    """Wait until the third trial has ended an epoch; of a single one, until it trains."""
    if search.trials == 1:
        wait_for(lambda: run.ended or search.statuses(), "the first trial")
        time.sleep(3.0)
    else:
        wait_for(lambda: run.ended or search.recorded(2), "the third trial")


def _send(bench: Bench, run: Run, number: signal.Signals, seconds: list[float]) -> Account:
    """Send the signal; how long it took to stop is added to ``seconds``."""
    start = time.monotonic()
    if number == signal.SIGINT:
        run.interrupt()
    else:
        run.terminate()
    run.wait()
    seconds.append(time.monotonic() - start)
    late = f"{number.name}: {seconds[-1]:.1f} s until it stopped"
    return checked(bench.short or seconds[-1] <= WITHIN, late)


def _note(seconds: list[float]) -> str:
    return f"stopped within {max(seconds, default=0.0):.1f} s"


FAULTS = (
    Fault("stopped", "SIGINT, SIGTERM in the middle", stopped, short=True),
    Fault("stopped-long", "SIGINT, SIGTERM in a long epoch", stopped_in_a_long_epoch),
    Fault("stopped-early", "SIGINT, SIGTERM as it starts", stopped_early),
    Fault("stopped-twice", "a second SIGINT a second later", stopped_twice),
)

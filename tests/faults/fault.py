"""A kind of fault, the bench on which it is tried, and what came of it."""

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock, Semaphore

from account import Account, account, checked, course
from searches import LONGEST, Late, Run, Search, wait_for


@dataclass(frozen=True)
class Outcome:
    """What came of a fault.

    Attributes:
        tried: how often.
        account: of all tries together.
        note: a figure or two, or why it was not tried.
    """

    tried: int
    account: Account
    note: str = ""


@dataclass
class Unbroken:
    """Searches without any fault, each made once, when it is first asked for."""

    folder: Path
    _made: dict[tuple[object, ...], tuple[Search, float]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def like(self, search: Search) -> tuple[Search, float]:
        """The same search without a fault, and the seconds that it took."""
        key = (search.trials, search.epochs, search.flags, search.finalists)
        with self._lock:
            if key not in self._made:
                name = f"unbroken{len(self._made)}"
                whole = replace(search, out=self.folder / name, name=name, server="")
                self._made[key] = whole, _seconds(whole)
            return self._made[key]


@dataclass(frozen=True)
class Bench:
    """Where a fault is tried.

    Attributes:
        folder: for whatever it makes.
        draw: draws its moments.
        slots: as many as there are tries at a time, of all faults together.
        short: true if a few tries must do.
        say: tells how it goes.
        unbroken: searches to compare with.
    """

    folder: Path
    draw: random.Random
    slots: Semaphore
    short: bool
    say: Callable[[str], object]
    unbroken: Unbroken

    def search(self, name: str, trials: int = 12, epochs: int = 4, *flags: str) -> Search:
        """A search in a place of its own, with one trial at once unless ``flags`` say other."""
        return Search(self.folder / name, name, trials, epochs, flags or ("--concurrency", "1"))

    def same_course(self, search: Search) -> Account:
        """Whether a search with one trial at once went as it does without a fault."""
        same = course(search) == course(self.unbroken.like(search)[0])
        return checked(same, f"{search.name}: it differs from the unbroken search")

    def try_all(self, tries: Iterable[Callable[[], Account]]) -> Account:
        """Make all ``tries``; what they left together."""
        waiting = list(tries)
        with ThreadPoolExecutor(len(waiting)) as pool:
            return sum(pool.map(self._attempted, waiting), Account())

    def _attempted(self, attempt: Callable[[], Account]) -> Account:
        try:
            with self.slots:
                found = attempt()
        except Exception as error:
            found = Account(wrong=(f"{type(error).__name__}: {error}",))
        if not found.clean:
            self.say(str(found))
        return found


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes:
        name: by which it is chosen.
        about: what is done, in a line.
        run: tries it.
        short: true if it is part of the short form.
    """

    name: str
    about: str
    run: Callable[[Bench], Outcome]
    short: bool = False


def _seconds(search: Search) -> float:
    with search.begun() as run:
        status = run.wait()
        found = account(search)
        if status or not found.clean:
            raise RuntimeError(f"no fault, and yet {status}, {found}: {run.printed[-500:]}")
        return run.ended_after


def completed(search: Search, failed: Iterable[int] = (), status: int = 0) -> Account:
    """Go on with an interrupted search to its end; what is amiss then."""
    with search.continued() as run:
        return ended(run, status) + account(search, failed)


def ended(run: Run, *statuses: int) -> Account:
    """Wait for the end of ``run``, which should be with one of ``statuses``."""
    found = run.wait()
    return checked(found in statuses, f"exit status {found}: {run.printed[-300:]!r}")


def gone(run: Run, seconds: float = LONGEST) -> Account:
    """Wait until nothing of ``run`` trains any more."""
    wait_for(lambda: not run.workers(), "the end of the workers", seconds)
    return Account()


def left_behind(runs: list[Run], seconds: float = LONGEST) -> Account:
    """Processes of killed runs that do not end by themselves; they are ended then.

    Two agents of Ray's look for its head for a minute before they do.
    """
    try:
        wait_for(lambda: not any(run.left() for run in runs), "the end of Ray's processes", seconds)
        return Account()
    except Late:
        names = [" ".join(each.cmdline())[:40] for run in runs for each in run.left()]
        for run in runs:
            run.end()
        return Account(wrong=(f"processes are left: {names}",))

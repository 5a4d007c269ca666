"""A search is given more trials, and its driver is killed as it trains them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from account import Account
from fault import Bench, Fault, Outcome, completed, ended, gone, left_behind
from searches import Run, Search, wait_for

TRIALS, MORE, EPOCHS = 4, 7, 3


def extended(bench: Bench) -> Outcome:
    """Kill a whole search that goes on, and one that goes on after a stop in its finals."""
    dead: list[Run] = []
    tries = [partial(_in_its_finals, bench, dead)]
    if not bench.short:
        tries.append(partial(_whole, bench, dead))
    found = bench.try_all(tries) + left_behind(dead)
    return Outcome(len(tries), found)


def _whole(bench: Bench, dead: list[Run]) -> Account:
    """It ends as a search does that was asked for all trials at once."""
    search = bench.search("extended", TRIALS, EPOCHS)
    larger = replace(search, trials=MORE)
    with search.begun() as run:
        found = ended(run, 0)
    with _going_on(bench, larger, dead):
        found += gone(dead[-1])
    return found + completed(larger) + bench.same_course(larger)


def _in_its_finals(bench: Bench, dead: list[Run]) -> Account:
    search = replace(bench.search("extendedfinals", TRIALS, EPOCHS), finalists=2)
    larger = replace(search, trials=MORE, former=True)
    with search.begun() as run:
        wait_for(lambda: run.ended or search.recorded(TRIALS), "the first final")
        run.terminate()
        found = ended(run, 143)
    with _going_on(bench, larger, dead):
        found += gone(dead[-1])
    return found + completed(larger)


@contextmanager
def _going_on(bench: Bench, larger: Search, dead: list[Run]) -> Iterator[None]:
    """The search with more trials, killed in one of those."""
    first = len(larger.trial_folders())  # finals that have begun have numbers too
    killed_in = first + bench.draw.randrange(1, MORE - TRIALS)
    with larger.resumed("--trials", str(MORE)) as run:
        wait_for(lambda: run.ended or larger.recorded(killed_in), f"trial {killed_in}")
        bench.say(f"{larger.name}: killed in trial {killed_in}, {larger.over()} over")
        run.kill()
        dead.append(run)
        yield


FAULTS = (
    Fault("extended", "more trials asked for, and kill -9 in one of them", extended, short=True),
)

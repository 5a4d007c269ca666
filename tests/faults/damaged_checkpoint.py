"""The latest checkpoint of a trial is damaged while its driver is dead."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from account import Account, checked
from fault import Bench, Fault, Outcome, completed, gone
from searches import Search, wait_for

# A scheduler that decides at each epoch: so each is reported, with a checkpoint, however short.
EACH = ("--concurrency", "1", "--scheduler", "median")


def damaged(bench: Bench) -> Outcome:
    """Damage it in each way: the search goes on from the one before, to the very same end."""
    tries = [
        partial(_damage, bench, bench.search(name, 2, 8, *EACH), damage, left)
        for name, damage, left in (
            ("truncated", _truncate, 1),
            ("flipped", _flip, 1),
            ("unsealed", _unseal, 1),
            ("allflipped", _flip, 0),
        )
    ]
    return Outcome(len(tries), bench.try_all(tries))


def _damage(bench: Bench, search: Search, damage: Callable[[Path], object], left: int) -> Account:
    with search.begun() as run:
        wait_for(lambda: run.ended or len(search.recorded(0)) >= 4, "the fourth epoch")
        run.kill()
        found = gone(run)
    recorded = len(search.recorded(0))
    there = _checkpoints(search)
    found += checked(len(there) >= 2, f"{search.name}: there was one checkpoint only")
    for each in there[left:]:
        damage(each)
    bench.say(f"{search.name}: {len(there) - left} of {len(there)}, after epoch {recorded}")
    found += completed(search) + bench.same_course(search)
    after = search.recorded(0)[recorded]["iterations_since_restore"]
    # From the last whole one it repeats two epochs at the most; with none, all.
    most = 4 if left else recorded + 1
    return found + checked(1 < after <= most, f"{search.name}: {after - 1} epochs were repeated")


def _checkpoints(search: Search) -> list[Path]:
    """Those of the first trial, the latest last."""
    folder = search.trial(0)
    return [] if folder is None else sorted(folder.glob("checkpoint_*"))


def _truncate(checkpoint: Path) -> None:
    path = checkpoint / "state.pt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(checkpoint: Path) -> None:
    """Change one bit in the middle, which torch itself would not notice."""
    path = checkpoint / "state.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _unseal(checkpoint: Path) -> None:
    (checkpoint / "seal.json").unlink()


FAULTS = (Fault("checkpoint-damaged", "a damaged checkpoint, after kill -9", damaged),)

"""The disk of a search has no more room."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from account import Account, checked, damaged_json
from fault import Bench, Fault, Outcome, completed, ended
from searches import Search, wait_for

SIZE, FILLER = "80m", "filler"  # room for all trials, and the file that takes it


def full(bench: Bench) -> Outcome:
    """Search on a disk that fills after two trials, make room, and go on."""
    if not _may_mount():
        return Outcome(0, Account(), "not tried: mounting a small disk needs root")
    with _disk(bench.folder / "disk") as disk:
        search = Search(disk, "full")  # its logs lie beside, where there is room
        return Outcome(1, bench.try_all([lambda: _fill_and_go_on(bench, search, disk)]))


def _fill_and_go_on(bench: Bench, search: Search, disk: Path) -> Account:
    with search.begun() as run:
        wait_for(lambda: search.over() >= 2, "two trials to end")
        _fill(disk / FILLER)
        found = ended(run, 2)
        printed = run.printed
    bench.say(f"{search.name}: stopped with {search.over()} trials over")
    found += checked("make room" in printed, f"it does not say what to do: {printed[-400:]!r}")
    found += checked("--resume full" in printed, "it does not say how to go on")
    found += checked("Traceback" not in printed, f"it printed {printed[-400:]!r}")
    damaged = damaged_json(search.out)
    found += checked(not damaged, f"these cannot be read: {damaged}")
    (disk / FILLER).unlink()
    return found + completed(search) + bench.same_course(search)


def _fill(path: Path) -> None:
    """Write until there is no more room."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(bytes(2**12)):
            pass


def _may_mount() -> bool:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        tried = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True)
        if tried.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return tried.returncode == 0


@contextmanager
def _disk(folder: Path) -> Iterator[Path]:
    """A small disk."""
    folder.mkdir()
    _mount(folder, f"size={SIZE}")
    try:
        yield folder
    finally:  # lazily: this process may hold the store open
        subprocess.run(["umount", "--lazy", folder], check=True)


def _mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)


FAULTS = (Fault("disk-full", "no room on the disk", full),)

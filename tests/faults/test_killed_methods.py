"""Searches by the command line, each with another sampler and scheduler, killed and resumed."""

from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest
import yaml
from searches import ROOT, Run, Search, wait_for

from search.proposals import samplers, schedulers

# One kind of schedule, and one trial at a time, whose training then repeats every bit. Of enough
# images to learn something from, else all trials are alike.
FLAGS = ("--concurrency", "1", "--set", "schedule=cosine", "--train-limit", "1500")
TRIALS, EPOCHS, BEFORE = 10, 4, 14  # epochs that are recorded as the driver is killed
OPTIONS = {
    "asha": {"grace_epochs": 1, "reduction_factor": 2},
    "hyperband": {"grace_epochs": 1, "reduction_factor": 4, "brackets": 2},
    "median": {"grace_epochs": 1, "min_samples": 2},
}
# The scheduler with the most to recall goes first of all; of every sampler and scheduler its recall
# alone is compared in tests/search/test_samplers.py and test_schedulers.py.
METHODS = [
    pytest.param(*methods, marks=[] if "hyperband" in methods else pytest.mark.long)
    for methods in zip(cycle(samplers.available()), schedulers.available(), strict=False)
]


def space(folder: Path, sampler: str, scheduler: str) -> Path:
    """gap5's space whose embedded data have a sampler and a scheduler of their own."""
    written = yaml.safe_load((ROOT / "configs" / "spaces" / "gap5.yaml").read_text())
    for key in ("grace_epochs", "reduction_factor"):
        del written["embedded"]["budget"][key]
    written["embedded"]["sampler"] = sampler
    written["embedded"]["scheduler"] = {scheduler: OPTIONS.get(scheduler)}
    path = folder / "scheduled.yaml"
    path.write_text(yaml.safe_dump(written, sort_keys=False))
    return path


def run_to_its_end(run: Run) -> None:
    assert run.wait() == 0, run.printed


def course(search: Search) -> dict[int, tuple[str, list[float]]]:
    """How each trial ended, and its accuracy after each epoch."""
    return {
        number: (status, [row["val_accuracy"] for row in search.recorded(number)])
        for number, status in search.statuses().items()
    }


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "scheduler"), METHODS)
def test_a_killed_search_goes_the_course_of_the_unbroken_one(sampler, scheduler, tmp_path):
    file = str(space(tmp_path, sampler, scheduler))
    whole = Search(tmp_path / "whole", "search", TRIALS, EPOCHS, FLAGS, space=file)
    broken = replace(whole, out=tmp_path / "broken")
    with whole.begun() as unbroken, broken.begun() as run:
        wait_for(
            lambda: run.ended or sum(map(len, map(broken.recorded, range(TRIALS)))) >= BEFORE,
            f"{BEFORE} epochs",
        )
        run.kill()
        run.end()
        run_to_its_end(unbroken)
    with broken.resumed() as run:
        run_to_its_end(run)
    assert course(broken) == course(whole)
    statuses = [status for status, _ in course(whole).values()]
    assert statuses[0] == "completed"
    assert ("pruned" in statuses) is (scheduler != "none")

"""A trial that sleeps instead of training, and reports as a real one does.

Imports no torch: there are many of these on two cores.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from random import Random
from typing import Any

from search.trials.checkpoints import report

NOTICED = 0.02  # seconds between two looks whether trials may begin


def sleep_and_report(
    config: dict[str, Any], seconds: float, figures: dict[str, float], gate: str
) -> None:
    """Sleep ``seconds`` an epoch, handing each over while the next is slept, as ``Reports`` does.

    Args:
        config: of the trial, as ``Task.as_config`` gives it.
        seconds: of an epoch.
        figures: what is reported beside a random accuracy, which follows from the trial's number.
        gate: a file; trials begin once it is there.

    Raises:
        SystemExit: Tune has stopped the trial.
    """
    while not Path(gate).exists():
        time.sleep(NOTICED)
    accuracy = {"val_accuracy": Random(config["number"]).random()}
    with ThreadPoolExecutor(1) as messenger:
        under_way: Future[None] | None = None
        for epoch in range(1, config["job"]["epochs"] + 1):
            begun = time.time()
            _sleep(seconds, under_way)
            told = {**figures, **accuracy, "epoch": epoch, "begun": begun, "ended": time.time()}
            if under_way is not None:
                under_way.result()
            under_way = messenger.submit(report, told, _write_little)
        if under_way is not None:
            under_way.result()


def _sleep(seconds: float, under_way: "Future[None] | None") -> None:
    """Sleep, but no longer than until Tune stops the trial by its answer to the last report."""
    end = time.monotonic() + seconds
    if under_way is not None:
        wait([under_way], timeout=seconds)
        if under_way.done():
            under_way.result()
    time.sleep(max(0.0, end - time.monotonic()))


def _write_little(path: Path) -> None:
    path.write_bytes(b"0")

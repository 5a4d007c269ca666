"""A trial that replays a learning curve in the real Tune, instead of training.

Its epochs take no time: it reports those at which its scheduler decides, and others with them.
"""

from collections.abc import Collection
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import torch
from ray import tune

from search.driver.resources import Resources
from search.trials.checkpoints import STATE_FILE, report
from search.trials.provenance import signed
from search.trials.spec import Job
from search.workers.failing import report_failure
from search.workers.reporting import Pace
from trainables.training import Epoch

FAILING = 3  # the number of the trial that fails in its second epoch


def accuracies(number: int, epochs: int) -> list[float]:
    """The curve of trial ``number``: it rises to a level that its number alone decides."""
    level = Random(number).uniform(0.3, 0.9)
    return [level * (1 - 0.5**epoch) for epoch in range(1, epochs + 1)]


def replayed(job: Job, resources: Resources, milestones: Collection[int]) -> Any:
    """What Tune runs in place of ``search.driver.tune_trainable.trainable``."""
    trainable = partial(replay, milestones=milestones)
    return tune.with_resources(trainable, {"cpu": resources.cpus})


def replay(config: dict[str, Any], milestones: Collection[int]) -> None:
    """Report the curve of a trial, or what is left of it."""
    number, pace = config["number"], Pace(milestones, clock=lambda: 0.0)
    for epoch, accuracy in enumerate(accuracies(number, config["job"]["epochs"]), 1):
        if epoch <= restored():
            continue
        if (number, epoch) == (FAILING, 2):
            if rest := pace.rest():
                report(rest, None)
            report_failure(ArithmeticError("the loss became nan"), "", config["job"]["metric"])
            return
        figures = dict.fromkeys(("val_accuracy_conflicting", "val_accuracy_aligned"), accuracy)
        figures |= {"val_accuracy": accuracy, "digit_following": 0.0}
        best = {"epoch": epoch, "val_accuracy": accuracy, "model": {"weight": torch.tensor(epoch)}}
        state = signed(Epoch(epoch, figures, {"epoch": epoch, "best": best}), "gap5").state
        if reported := pace.report(epoch, figures):
            report(reported, partial(torch.save, state))


def restored() -> int:
    """The epoch from which the trial goes on; 0 at its start."""
    checkpoint = tune.get_checkpoint()
    return int(torch.load(Path(checkpoint.path) / STATE_FILE)["epoch"]) if checkpoint else 0

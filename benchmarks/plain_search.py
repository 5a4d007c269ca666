"""``python -m benchmarks.plain_search``: a search built as in Ray Tune's guides.

It uses Tuner, OptunaSearch, ASHAScheduler and MLflowLoggerCallback with their defaults. Each trial
trains as in the tutorial and saves a checkpoint every epoch. ``benchmarks.search`` compares Convoy
with it. It is better than a first attempt in three ways: a trial computes with as many threads as
it has CPUs, its images are shared through Ray's object store, and Optuna draws the same first
trials as Convoy.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
import torch
from optuna import Study
from optuna.trial import FrozenTrial
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler
from torch.utils.data import DataLoader

from benchmarks import tutorial
from search import environment
from search.proposals.samplers.tpe import SeededTPE
from search.proposals.searcher import startup
from search.records.tracking import default_uri
from search.space.budget import Budget
from search.space.reader import read_space
from search.space.sampler import SpaceSampler
from search.space.space import Space
from trainables.data import Dataset, load

CPUS = 1  # and threads, of a trial
CPU = torch.device("cpu")


def main(argv: list[str] | None = None) -> None:
    """Run the search with the flags in ``argv``."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.plain_search",
        description="Search a space as Ray Tune's guides do.",
        allow_abbrev=False,
    )
    parser.add_argument("--space", type=Path, required=True, help="space file")
    parser.add_argument("--out", type=Path, required=True, help="folder of the records")
    parser.add_argument("--data", required=True, help="folder, or embedded")
    parser.add_argument("--trials", type=int, help="number of trials (default: the space's)")
    parser.add_argument(
        "--epochs", type=int, help="maximum epochs of a trial (default: the space's)"
    )
    parser.add_argument("--train-limit", type=int, help="training images (default: all)")
    parser.add_argument("--val-limit", type=int, help="validation images (default: all)")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of all draws (default: %(default)s)"
    )
    arguments = parser.parse_args(argv)
    space = read_space(arguments.space)
    dataset = load(space.data, arguments.data).limited(arguments.train_limit, arguments.val_limit)
    budget = space.budget_on(arguments.data).asked(arguments.trials, arguments.epochs)
    environment.prepare(loopback=True)
    ray.init(address="local", include_dashboard=False)
    tuner(space, dataset, budget, arguments.seed, arguments.out).fit()


def tuner(space: Space, dataset: Dataset, budget: Budget, seed: int, out: Path) -> tune.Tuner:
    """Tune's tuner for ``space``; it writes its records into ``out``."""
    trainable = tune.with_parameters(train_trial, dataset=dataset, epochs=budget.epochs)
    callback = MLflowLoggerCallback(tracking_uri=default_uri(out), experiment_name="plain")
    return tune.Tuner(
        tune.with_resources(trainable, {"cpu": CPUS}),
        tune_config=tune.TuneConfig(
            metric="val_accuracy",
            mode="max",
            num_samples=budget.trials,
            search_alg=_searcher(space, budget.trials, seed),
            scheduler=ASHAScheduler(
                max_t=budget.epochs,
                grace_period=budget.grace_epochs,
                reduction_factor=budget.reduction_factor,
            ),
        ),
        run_config=tune.RunConfig(
            name="plain",
            storage_path=str(out),
            callbacks=[callback],
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
        ),
    )


def _searcher(space: Space, trials: int, seed: int) -> OptunaSearch:
    """Optuna's TPE over the space, the baseline first, with as many random trials as Convoy's."""
    sampler = SpaceSampler(space, {})
    return OptunaSearch(
        space=sampler,
        metric="val_accuracy",
        mode="max",
        points_to_evaluate=sampler.first_points(),
        sampler=_AsConvoy(seed=seed, n_startup_trials=startup(trials)),
    )


class _AsConvoy(SeededTPE):
    """TPE that draws each trial from Convoy's seed for that trial."""

    def __init__(self, seed: int, n_startup_trials: int) -> None:
        super().__init__(seed=seed, n_startup_trials=n_startup_trials)
        self._search_seed = seed

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Optuna calls this before it draws for ``trial``."""
        super().before_trial(study, trial)
        self.begin(self._search_seed, trial.number)


def train_trial(config: dict[str, Any], dataset: Dataset, epochs: int) -> None:
    """Train one setting; report to Tune and save a checkpoint after every epoch."""
    torch.set_num_threads(CPUS)
    augmented = tutorial.transform_of(
        dataset, flip=config["flip"], crop_padding=config["crop_padding"]
    )
    train = DataLoader(
        tutorial.PilImages(dataset.train, augmented), config["batch_size"], shuffle=True
    )
    val = DataLoader(
        tutorial.PilImages(dataset.val, tutorial.transform_of(dataset)), batch_size=500
    )
    model = tutorial.network("conv3", dataset, {"dropout": config["dropout"]})
    optimizer = _optimizer(config, model)
    schedule = _schedule(config, optimizer, epochs * len(train))
    for _ in range(epochs):
        start = time.perf_counter()
        *_, (_, loss) = tutorial.train(model, train, optimizer, CPU, schedule)
        metrics = {
            "train_loss": loss / len(train),
            "val_accuracy": tutorial.accuracy(model, val, CPU),
            "epoch_seconds": time.perf_counter() - start,
        }
        _report(metrics, model, optimizer)


def _optimizer(config: dict[str, Any], model: torch.nn.Module) -> Optimizer:
    lr, decay = config["lr"], config["weight_decay"]
    if config["optimizer"] == "sgd":
        return SGD(model.parameters(), lr, momentum=0.9, nesterov=True, weight_decay=decay)
    kind = AdamW if config["optimizer"] == "adamw" else Adam
    return kind(model.parameters(), lr, weight_decay=decay)


def _schedule(config: dict[str, Any], optimizer: Optimizer, steps: int) -> LRScheduler | None:
    return CosineAnnealingLR(optimizer, T_max=steps) if config["schedule"] == "cosine" else None


def _report(metrics: dict[str, float], model: torch.nn.Module, optimizer: Optimizer) -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(state, Path(folder) / "checkpoint.pt")
        tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


if __name__ == "__main__":
    main()

"""The initial weights of a search's trainings where they are not random: the key ``init``."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from search.records.run_reader import RecordedRuns
from search.request.flags import assignments, out_folder, tracking_uri
from search.request.options import SearchOptions
from search.space.domain import every_key
from search.space.space import Space
from search.space.weights_path import KEY
from trainables.boundary.errors import UsageError
from trainables.checkpoint import save
from trainables.data import Dataset
from trainables.initial_weights import read_weights, taken_by
from trainables.recipe import RECIPE_KEYS, Setting, Value
from trainables.training import network

OF_RUN = "run"  # the value of --init that stands for the weights of --from-run
FOLDER = ".weights"  # holds the weights of runs, in the folder of all searches


@dataclass(frozen=True)
class InitialWeights:
    """Weights from which trainings start.

    Attributes:
        path: absolute path of the file.
        sha256: digest of the file.
        taken: number of the baseline's tensors that are set from the file.
        redrawn: the baseline's layers that the file does not fit; these start random.
    """

    path: str
    sha256: str
    taken: int
    redrawn: tuple[str, ...]

    @property
    def described(self) -> str:
        """One line: how many tensors are set, and which layers start random."""
        anew = f"; random: {', '.join(self.redrawn)}" if self.redrawn else ""
        return f"init {self.path}: sets {self.taken} tensors of the baseline{anew}"


def with_init(options: SearchOptions) -> SearchOptions:
    """The options with ``--init`` replaced by the equivalent ``--set``.

    Raises:
        UsageError: ``--set`` gives the key too, or no run is named whose weights could be used.
    """
    if options.init is None:
        return options
    if KEY in assignments(options.set):
        raise UsageError(f"--init and --set {KEY} say the same; keep one")
    path = _of_run(options) if options.init == OF_RUN else options.init
    return options.model_copy(update={"init": None, "set": (*options.set, f"{KEY}={path}")})


def _of_run(options: SearchOptions) -> Path:
    """Write the weights of ``--from-run`` into the folder of searches; the file's path."""
    if options.from_run is None:
        raise UsageError(f"--init {OF_RUN} needs --from-run RUN_ID, whose weights it uses")
    run = RecordedRuns(tracking_uri(options), out_folder(options)).load(options.from_run)
    if not run.weights:
        raise UsageError(f"--init {OF_RUN}: run {options.from_run} has no weights")
    path = out_folder(options) / FOLDER / f"{run.run_id}.pt"
    save(run.weights, path)
    return path


def initial_weights(
    space: Space, fixed: dict[str, Value], dataset: Dataset
) -> tuple[InitialWeights, ...]:
    """The files of initial weights that trials of ``space`` may use.

    Raises:
        UsageError: a file holds no weights, or fits no layer of the baseline's network.
    """
    paths = [fixed[KEY]] if KEY in fixed else list(_searched(space))
    weights = [str(path) for path in dict.fromkeys(paths) if path != RECIPE_KEYS[KEY].off]
    if not weights:
        return ()
    setting = Setting.of(space.architecture, space.baseline_with(fixed), 1, 0)
    with torch.device("meta"):
        model = network(setting, dataset)
    initial = []
    for path in weights:
        taken = taken_by(model, read_weights(Path(path), space.architecture), Path(path))
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        initial.append(InitialWeights(path, digest, len(taken.tensors), taken.redrawn))
    return tuple(initial)


def _searched(space: Space) -> Iterator[Value]:
    """Every value that the key ``init`` may have in a space."""
    for key, domain in every_key(space.search):
        if key == KEY:
            yield from getattr(domain, "options", None) or (getattr(domain, "value", "none"),)

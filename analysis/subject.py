"""A recorded run with its data: what every figure is drawn from."""

from dataclasses import dataclass

import torch
from torch import nn

from analysis.record import RecordedRun
from trainables.data import Dataset, load
from trainables.data.batches import DeviceSplit, Normaliser
from trainables.data.dataset import Split
from trainables.device import best_device, use_threads
from trainables.errors import UsageError
from trainables.evaluation import Evaluation, evaluate


@dataclass(frozen=True)
class Subject:
    """A run, its network, and what that makes of the validation images.

    Attributes:
        run: the record.
        dataset: its data, limited as they were in the search.
        model: its network, in eval mode, on ``device``.
        device: where figures are computed.
        validation: the network's logits on the validation split.
    """

    run: RecordedRun
    dataset: Dataset
    model: nn.Module
    device: torch.device
    validation: Evaluation

    def evaluate(self, split: Split) -> Evaluation:
        """The network's logits on ``split``."""
        normalise = Normaliser(self.dataset, self.device)
        return evaluate(self.model, DeviceSplit.of(split, self.device), normalise)


def open_subject(run: RecordedRun, source: str) -> Subject:
    """``run`` with its data from ``source``.

    Raises:
        UsageError: the data are not those that the run was trained on.
    """
    whole = load(run.job.data, source)
    if whole.fingerprint != run.data["fingerprint"]:
        raise UsageError(
            f"the data in {source} (fingerprint {whole.fingerprint[:12]}) are not those of run "
            f"{run.run_id} ({run.data['name']}, {run.data['fingerprint'][:12]}); give its --data"
        )
    dataset = whole.limited(run.job.train_limit, run.job.val_limit)
    use_threads(run.job.cpus)
    device = best_device()
    model = run.model(dataset).to(device).to(memory_format=torch.channels_last)
    normalise = Normaliser(dataset, device)
    validation = evaluate(model, DeviceSplit.of(dataset.val, device), normalise)
    return Subject(run, dataset, model, device, validation)

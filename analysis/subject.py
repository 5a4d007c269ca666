"""A recorded run with its data and network, from which every figure is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from analysis.activations import Activations, observe
from analysis.audit.cue import DIGIT, Cue
from analysis.class_names import figure_names
from analysis.layers import Layer, layers_of
from analysis.panels import visible
from analysis.record import Records
from analysis.trials import RecordedSearch
from search.records.run_reader import RecordedRun
from trainables.best_epoch import in_words
from trainables.boundary.errors import UsageError
from trainables.data import EMBEDDED, Dataset
from trainables.data.batches import DeviceSplit, Normaliser
from trainables.data.composite import CANVAS
from trainables.data.dataset import Split
from trainables.device import best_device, dtype_of, tf32_convolutions, use_threads
from trainables.evaluation import Evaluation, evaluate


class NotApplicableError(Exception):
    """A figure does not apply to this run; the message is the reason, as a phrase."""


@dataclass(frozen=True)
class Subject:
    """A run, its network, and the network's outputs for the images.

    Attributes:
        run: the recorded run.
        dataset: its data, with the limits of the search.
        model: its network, in eval mode, on ``device``.
        device: the device that computes the figures.
        validation: the network's logits on the validation split, from ``evaluated``.
        shown: the split whose images the figures show: ``train``, ``val`` or ``test``.
        records: the store that holds the run and the other trials of its search.
        source: the data: ``embedded``, or a folder.
    """

    run: RecordedRun
    dataset: Dataset
    model: nn.Module
    device: torch.device
    validation: Evaluation
    shown: str = "val"
    records: Records | None = None
    source: str = EMBEDDED

    @property
    def split(self) -> Split:
        """The images that the figures show."""
        return self.dataset.splits[self.shown]

    @property
    def judged_by(self) -> str:
        """The metric by which the search judged its trials, in words."""
        return in_words(self.run.job.metric)

    @property
    def split_name(self) -> str:
        """The name of that split in figures."""
        return {"train": "training", "val": "validation", "test": "test"}[self.shown]

    @cached_property
    def evaluation(self) -> Evaluation:
        """The network's logits on the images that the figures show."""
        if self.shown == "val":
            return self.validation
        return self.tested if self.shown == "test" else self.evaluate(self.split)

    @cached_property
    def exact(self) -> Evaluation:
        """These logits in float32, whatever the run's precision: for comparisons of logits."""
        if self.precision == "float32":
            return self.evaluation
        return evaluate(self.model, self.device_split, self.normalise).on_cpu()

    @property
    def precision(self) -> str:
        """The precision of ``evaluate``: that of the run's validation, if the device has it."""
        recorded = self.run.provenance.validation_precision
        return "float32" if recorded == "TF32" and self.device.type != "cuda" else recorded

    @cached_property
    def tested(self) -> Evaluation:
        """The network's logits on the test images, whose labels are sealed."""
        return self.evaluate(self.dataset.test)

    @cached_property
    def normalise(self) -> Normaliser:
        """Turns pixels into the network's input."""
        return Normaliser(self.dataset, self.device)

    @cached_property
    def cue(self) -> Cue | None:
        """The shortcut that the images show; None if they show none."""
        if not self.dataset.has_digits:
            return None
        kinds, shortcut = len(self.dataset.classes), self.run.job.data.shortcut
        if shortcut is not None:
            return Cue(shortcut.noun, shortcut.region, None, kinds)
        if (kinds, self.dataset.image_shape) == (DIGIT.kinds, (CANVAS, CANVAS, 3)):
            return DIGIT
        return Cue(DIGIT.noun, None, None, kinds)

    @cached_property
    def figure_names(self) -> tuple[str, ...]:
        """The names of the classes in figures."""
        return figure_names(self.dataset.classes)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The convolutions, at least one, in the order in which the network computes them.

        Raises:
            NotApplicableError: the network has none.
        """
        layers = layers_of(self.model, self.inputs())
        if not layers:
            raise NotApplicableError("the network has no convolutions")
        return layers

    def check_convolutions(self) -> None:
        """Raise NotApplicableError unless the network has convolutions."""
        _ = self.layers

    @cached_property
    def activations(self) -> Activations:
        """Statistics of the first and the last convolution over the shown images, in one pass."""
        ends = {layer.name: layer for layer in (self.layers[0], self.layers[-1])}
        layers, classes = tuple(ends.values()), len(self.dataset.classes)
        return observe(self.model, layers, self.device_split, self.normalise, classes)

    @cached_property
    def device_split(self) -> DeviceSplit:
        """The shown images on ``device``."""
        return DeviceSplit.of(self.split, self.device)

    @cached_property
    def search(self) -> RecordedSearch:
        """All trials of the run's search.

        Raises:
            NotApplicableError: their records are not available.
        """
        if self.records is None:
            raise NotApplicableError("the records of its search are not available")
        return self.records.search_of(self.run)

    def evaluate(self, split: Split) -> Evaluation:
        """The network's logits on ``split``."""
        return evaluated(self.run, self.model, split, self.normalise, self.device)

    def picture(self, index: int) -> NDArray[np.generic]:
        """The shown image at ``index`` for drawing, (H, W, 3)."""
        return visible(self.split.images[index])

    def inputs(self, indices: Sequence[int] = (0,)) -> Tensor:
        """The shown images at ``indices`` as input of the network, (N, C, H, W)."""
        images = torch.from_numpy(np.ascontiguousarray(self.split.images[list(indices)]))
        return self.normalise(images.to(self.device))


def evaluated(
    run: RecordedRun, model: nn.Module, split: Split, normalise: Normaliser, device: torch.device
) -> Evaluation:
    """The network's logits on ``split``, on the CPU, in the precision of the run's validation."""
    dtype = dtype_of(run.provenance.validation_dtype)
    with tf32_convolutions(run.provenance.validation_precision == "TF32"):
        return evaluate(model, DeviceSplit.of(split, device), normalise, dtype).on_cpu()


def open_subject(
    run: RecordedRun, source: str, shown: str = "val", records: Records | None = None
) -> Subject:
    """Load the data of ``run`` from ``source``, build its network and validate it.

    Raises:
        UsageError: the data are not those of the run, or the shown split has no labels.
    """
    dataset = run.dataset(source)
    if not dataset.splits[shown].labelled:
        raise UsageError(f"--split {shown}: its images have no labels; choose train or val")
    use_threads(run.job.cpus)
    device = best_device()
    model = run.model(dataset).to(device).to(memory_format=torch.channels_last)
    validation = evaluated(run, model, dataset.val, Normaliser(dataset, device), device)
    return Subject(run, dataset, model, device, validation, shown, records, source)

"""A pass over the images on devices that hold no values: whatever waits for one is refused there.

On ``meta`` the whole step runs, the backward pass too. Fake tensors of CUDA show what runs in
bfloat16 under autocast, and refuse tensors of two devices; their autograd needs a GPU, so gradients
are put in the place of their backward pass.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from tape import Recorder, Waits, tensors
from torch._subclasses.fake_tensor import FakeTensorMode

from trainables import architectures, mixup, training
from trainables.data import auto_augment
from trainables.data.augmentation import Augmentation
from trainables.data.auto_augment import OperationTables, operation_tables
from trainables.data.batches import DeviceSplit, Normaliser
from trainables.first_training import FirstTraining
from trainables.mixup import Targets
from trainables.recipe import RECIPE_KEYS, Setting
from trainables.step import learner, rates
from trainables.step.chunk import Chunk
from trainables.step.lean_weights import LeanWeights
from trainables.step.learner import Learner
from trainables.step.rates import Rates
from trainables.step.validation import Validation
from trainables.training import TrainingData, _Trainer, fit

META, CUDA = torch.device("meta"), torch.device("cuda")
AUGMENTATIONS = {
    "mixup": 0.4,
    "flip": True,
    "crop_padding": 4,
    "auto_augment": True,
    "noise": 0.1,
    "erasing": 0.5,
    "region_swap": "random",
}
# The momentum changes from step to step: torch's fused kernels do not run on these devices.
CYCLING = {"schedule": "one_cycle", "cycle_momentum": True, "batch_size": 10}
EVERYTHING = {**AUGMENTATIONS, **CYCLING, "clip_norm": 1.0, "label_smoothing": 0.1}


@dataclass(frozen=True)
class Captured:
    """A captured training's execution, without a capture."""

    captures, chunk = True, 20

    def repeatable(self, work, changed):
        return work


@pytest.fixture
def made_without_values(monkeypatch, embedded):
    """Makes data of ``device``, where nothing draws from a generator and nothing is uploaded."""
    tables = operation_tables(*embedded.image_shape, torch.device("cpu"))
    build = training.network
    for name in ("rand", "randn", "randint", "randperm", "multinomial"):
        monkeypatch.setattr(torch, name, without_generator(getattr(torch, name)))
    for module in (mixup, rates):
        monkeypatch.setattr(module, "upload", uploaded)
    monkeypatch.setattr(training, "generator", lambda device, *_: SimpleNamespace(device=device))

    def make(device: torch.device) -> TrainingData:
        def network(*setting):
            with torch.device(device):
                return build(*setting)

        copies = {
            name: torch.empty(each.shape, dtype=each.dtype, device=device)
            for name, each in vars(tables).items()
        }
        monkeypatch.setattr(auto_augment, "operation_tables", lambda *_: OperationTables(**copies))
        monkeypatch.setattr(training, "network", network)
        images = torch.empty(35, *embedded.image_shape, dtype=torch.uint8, device=device)
        labels = torch.empty(35, dtype=torch.int64, device=device)
        split, normalise = DeviceSplit(images, labels, labels), Normaliser(embedded, device)
        return TrainingData(embedded, device, split, split, normalise, torch.float32, Captured())

    return make


def without_generator(draw):
    return lambda *args, generator=None, **kwargs: draw(*args, **kwargs)


def uploaded(values, dtype, device):
    return torch.empty(torch.tensor(values).shape, dtype=dtype, device=device)


@contextmanager
def autocast(device, dtype=torch.bfloat16, enabled=True):
    """``torch.autocast``, which is off where there is no GPU."""
    before = torch.is_autocast_enabled("cuda")
    torch.set_autocast_enabled("cuda", enabled)
    torch.set_autocast_dtype("cuda", dtype)
    try:
        yield
    finally:
        torch.set_autocast_enabled("cuda", before)
        torch.clear_autocast_cache()


@pytest.fixture(params=["meta", "cuda"])
def device(request, monkeypatch) -> Iterator[torch.device]:
    with ExitStack() as stack:
        if request.param == "meta":
            monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
        else:
            monkeypatch.setattr(learner, "training_dtype", lambda _: torch.bfloat16)
            monkeypatch.setattr(torch, "autocast", autocast)
            # Fake weights refuse to be swapped, and their autograd looks for a GPU.
            monkeypatch.setattr(torch.nn.Module, "to", lambda model, *_, **__: model)
            monkeypatch.setattr(torch.Tensor, "backward", gradients_of_leaves)
            stack.enter_context(FakeTensorMode())
        yield torch.device(request.param)


def gradients_of_leaves(objective: torch.Tensor) -> None:
    """Give every weight under ``objective`` a gradient."""
    waiting, seen = [objective.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            node.variable.grad = torch.empty_like(node.variable)
        waiting += [following for following, _ in node.next_functions]


def small(architecture: str) -> dict:
    return {"width": 0.1} if "width" in architectures.parameters(architecture) else {}


def train_a_pass(
    data: TrainingData, architecture: str = "conv3", weights=None, **values
) -> Recorder:
    """Three batches in two chunks, and a validation, recorded."""
    setting = Setting.of(architecture, {**small(architecture), **values}, 1, 0)
    passes = training._Passes(setting, data, setting.recipe, "initialisation", 1)
    validation = Validation(
        passes.learner.model, data.val, data.normalise, passes.learner.dtype, data.execution
    )
    with Recorder() as recorder:
        for _ in passes.run((0,), FirstTraining(weights)):
            pass
        validation._evaluate()
    return recorder


def test_every_key_that_changes_images_is_among_those_tried():
    assert set(AUGMENTATIONS) == {name for name, key in RECIPE_KEYS.items() if key.changes} | {
        "region_swap"
    }


@pytest.mark.parametrize("architecture", architectures.available())
def test_every_architecture_trains_without_a_wait(device, made_without_values, architecture):
    recorder = train_a_pass(made_without_values(device), architecture, **EVERYTHING)
    named = {str(func): args for func, args, _, _ in recorder.operations}
    if device == META:
        assert "aten.convolution_backward.default" in named
    else:
        assert named["aten.convolution.default"][0].dtype == torch.bfloat16


@pytest.mark.parametrize(
    "values",
    [
        {"region_swap": "top_left", "swap_probability": 0.5},
        {"optimizer": "sgd", "weight_decay": 1e-3},
        {"optimizer": "adam", "weight_decay": 1e-3},
        {"optimizer": "adamw", "weight_decay": 1e-3},
    ],
    ids=str,
)
def test_every_other_choice_of_the_recipe_trains_without_a_wait(
    device, made_without_values, values
):
    train_a_pass(made_without_values(device), **{**CYCLING, **values})


def test_images_drawn_by_weight_are_drawn_without_a_wait(device, made_without_values):
    data = made_without_values(device)
    recorder = train_a_pass(data, weights=torch.empty(35, device=device), **CYCLING)
    names = [operation.overloadpacket.__name__ for operation, *_ in recorder.operations]
    assert names.count("multinomial") == 1


@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")
def test_a_training_goes_on_with_everything_on_its_device(made_without_values, embedded):
    """A checkpoint is read onto the CPU."""
    values = {**CYCLING, "reweighting": "jtt", "optimizer": "sgd"}
    setting = Setting.of("conv3", values, 2, 0)
    state = next(
        fit(setting, TrainingData.of(embedded.limited(35, 100), torch.device("cpu")))
    ).state
    trainer = _Trainer(setting, made_without_values(META))
    trainer.restore(state)
    assert {each.device for each in (*trainer._passes.learner.tensors, trainer._first.weights)} == {
        META
    }


PLACES = {
    "flip and crop": (Augmentation, "_flip_and_crop"),
    "AutoAugment": (auto_augment, "auto_augment"),
    "noise and erasing": (Augmentation, "values"),
    "MixUp": (training, "mix"),
    "reading a batch": (Chunk, "take"),
    "forward": (Learner, "logits"),
    "loss": (Targets, "cross_entropy"),
    "hits": (Targets, "hits"),
    "gradients": (LeanWeights, "widen_gradients"),
    "clipping": (learner, "clip_grad_norm_"),
    "rates": (Rates, "take"),
    "update": (learner, "update"),
    "validation": (Validation, "_evaluate"),
}
WAITS = {
    "a value": lambda tensor: tensor.sum().item(),
    "a copy to the host": lambda tensor: tensor.cpu(),
}


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("place", PLACES)
def test_a_wait_planted_in_any_place_is_caught(
    made_without_values, monkeypatch, device, place, wait
):
    owner, name = PLACES[place]
    original = getattr(owner, name)

    def waiting(*args, **kwargs):
        made = original(*args, **kwargs)
        WAITS[wait](torch.empty(4, device=device) if made is None else tensors(made)[0])
        return made

    data = made_without_values(device)
    monkeypatch.setattr(owner, name, waiting)
    with pytest.raises(Waits):
        train_a_pass(data, **EVERYTHING)

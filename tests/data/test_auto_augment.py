"""The batched policy, in both of its forms, against torchvision's, one image at a time."""

from itertools import product

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from trainables.data import auto_augment as module
from trainables.data.auto_augment import (
    Draws,
    OperationTables,
    all_at_once,
    augmented,
    auto_augment,
    by_subsets,
    operation_tables,
)

POLICIES = AutoAugment(AutoAugmentPolicy.CIFAR10).policies
BOTH_FORMS = pytest.mark.parametrize("form", [all_at_once, by_subsets])
SIZES = [(32, 32), (40, 40), (29, 29), (45, 31), (3, 5), (2, 7)]


def every_case() -> Draws:
    """Each sub-policy with both signs of both operations, each applied and not: 400 images.

    An operation that is applied has a chance of exactly its probability, in float32; one that is
    not has the next number above it.
    """
    cases = torch.tensor(list(product(range(25), *4 * [(0, 1)])))
    policy, sign, applied = cases[:, 0], cases[:, 1:3], cases[:, 3:] == 1
    limit = torch.tensor([[p for _, p, _ in policy] for policy in POLICIES])[policy]
    return Draws(policy, torch.where(applied, limit, limit.nextafter(torch.tensor(1.0))), sign)


CASES = every_case()
COUNT = len(CASES.policy)


def random_draws(count: int, seed: int = 0) -> Draws:
    return Draws.of(count, torch.Generator().manual_seed(seed))


def theirs(images: Tensor, drawn: Draws) -> Tensor:
    """torchvision's own transform on each image, given what chance decided for it."""
    transform = AutoAugment(AutoAugmentPolicy.CIFAR10)
    made = []
    for image, *chosen in zip(images, drawn.policy, drawn.chance, drawn.sign, strict=True):
        transform.get_params = lambda _, chosen=chosen: chosen
        made.append(transform(image.permute(2, 0, 1)).permute(1, 2, 0))
    return torch.stack(made)


def drawn_images(kind: str, count: int, height: int, width: int, channels: int = 3) -> Tensor:
    draws = torch.Generator().manual_seed(height)

    def levels(*shape: int, low: int = 0, high: int = 256) -> Tensor:
        return torch.randint(low, high, shape, dtype=torch.uint8, generator=draws)

    everywhere = (count, height, width, channels)
    flat = levels(count, 1, 1, channels).expand(everywhere).clone()
    if kind == "noise":
        return levels(*everywhere)
    if kind == "smooth":
        coarse = torch.rand(count, channels, 4, 4, generator=draws) * 255
        fine = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
        return fine.clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    if kind == "two levels":
        return torch.where(levels(*everywhere) < 30, levels(count, 1, 1, channels), flat)
    if kind == "nearly flat":
        return flat.clamp(max=253) + levels(*everywhere, high=3)
    if kind == "one pixel":
        flat[:, height // 2, width // 3] = levels(count, channels)
    return flat


KINDS = pytest.mark.parametrize(
    "kind", ["noise", "smooth", "flat", "two levels", "nearly flat", "one pixel"]
)


@pytest.mark.parametrize("size", SIZES, ids=str)
@KINDS
def test_every_image_is_the_one_that_torchvision_makes(kind, size):
    images = drawn_images(kind, COUNT, *size)
    expected = theirs(images, CASES)
    assert torch.equal(augmented(images, CASES, all_at_once), expected)
    assert torch.equal(augmented(images, CASES, by_subsets), expected)


@KINDS
def test_every_grey_image_is_the_one_that_torchvision_makes(kind):
    images = drawn_images(kind, COUNT, 28, 36, 1)
    expected = theirs(images, CASES)
    assert torch.equal(augmented(images, CASES, all_at_once), expected)
    assert torch.equal(augmented(images, CASES, by_subsets), expected)


def test_the_same_on_pictures_and_random_draws(embedded):
    images = torch.from_numpy(embedded.train.images[:2000])
    drawn = random_draws(len(images))
    expected = theirs(images, drawn)
    assert torch.equal(augmented(images, drawn, all_at_once), expected)
    assert torch.equal(augmented(images, drawn, by_subsets), expected)


@BOTH_FORMS
@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_batch_may_be_of_one_image_or_none(count, form):
    images = drawn_images("noise", 2, 32, 32)[:count]
    drawn = Draws(torch.tensor([3, 9])[:count], torch.zeros(count, 2), torch.ones(count, 2).long())
    expected = theirs(images, drawn) if count else images
    assert torch.equal(augmented(images, drawn, form), expected)


LAYOUTS = {
    "rows apart": lambda images: images[:, ::2],
    "mirrored": lambda images: images.flip(2).transpose(1, 2),
    "planes": lambda images: images.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1),
    "one image many times": lambda images: images[:1].expand(COUNT, -1, -1, -1),
}


@BOTH_FORMS
@pytest.mark.parametrize("layout", LAYOUTS)
def test_images_of_any_layout_give_the_same_and_stay_as_they_are(layout, form):
    images = LAYOUTS[layout](drawn_images("smooth", COUNT, 24, 24))
    before = images.clone()
    made = augmented(images, CASES, form)
    assert torch.equal(made, augmented(before.contiguous(), CASES, form))
    assert made.is_contiguous()
    assert torch.equal(images, before)


class Operations(TorchDispatchMode):
    """Lists what runs, with the shapes that come of it, and refuses what waits for a value."""

    def __init__(self):
        super().__init__()
        self.log = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        masks = [each for each in args[1] if each.dtype == torch.bool] if name == "index" else []
        if masks or name in ("_local_scalar_dense", "nonzero", "masked_select", "bincount"):
            raise RuntimeError(f"{name} waits for a value")
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.log.append((name, getattr(result, "shape", None)))
        return result


def operations(drawn: Draws, form) -> list:
    images = drawn_images("noise", COUNT, 32, 32)
    operation_tables(32, 32, 3, images.device)  # made once
    with Operations() as seen:
        augmented(images, drawn, form)
    return seen.log


def test_what_runs_on_a_gpu_is_the_same_whatever_was_drawn():
    never, always = (CASES.chance.new_full((COUNT, 2), chance) for chance in (0.999, 0.0))
    logs = [
        operations(drawn, all_at_once)
        for drawn in (
            CASES,
            Draws(CASES.policy, never, CASES.sign),
            Draws(CASES.policy, always, CASES.sign),
            random_draws(COUNT),
        )
    ]
    assert all(log == logs[0] for log in logs)
    assert len(logs[0]) <= 200  # 169 with torch 2.15


def test_the_form_for_a_cpu_looks_at_what_was_drawn():
    with pytest.raises(RuntimeError, match="nonzero waits"):
        operations(CASES, by_subsets)


def test_on_a_device_without_values_it_runs_all_the_same():
    images = drawn_images("noise", COUNT, 40, 32).to("meta")
    on_device = Draws(*(each.to("meta") for each in vars(CASES).values()))
    made = auto_augment(images, on_device)
    assert (made.device.type, made.shape, made.dtype) == ("meta", images.shape, torch.uint8)


def test_on_a_gpu_nothing_comes_from_another_device(monkeypatch):
    tables = operation_tables(32, 32, 3, torch.device("cpu"))
    with FakeTensorMode():  # of CUDA, without any; refuses operations across devices
        on_gpu = {
            name: torch.empty(each.shape, dtype=each.dtype, device="cuda")
            for name, each in (vars(tables) | vars(CASES)).items()
        }
        drawn = Draws(*(on_gpu.pop(name) for name in vars(CASES)))
        monkeypatch.setattr(module, "operation_tables", lambda *_: OperationTables(**on_gpu))
        images = torch.empty(COUNT, 32, 32, 3, dtype=torch.uint8, device="cuda")
        assert auto_augment(images, drawn).device.type == "cuda"


def test_the_tables_of_a_size_are_made_once_on_each_device():
    for device in (torch.device("cpu"), torch.device("meta")):
        assert operation_tables(9, 8, 3, device) is operation_tables(9, 8, 3, device)


def test_each_sub_policy_and_sign_is_drawn_equally_often():
    drawn = random_draws(50_000, seed=1)
    shares = torch.bincount(drawn.policy, minlength=25) / 50_000
    assert torch.allclose(shares, torch.tensor(1 / 25), atol=0.005)
    assert drawn.sign.float().mean().item() == pytest.approx(0.5, abs=0.01)
    assert drawn.chance.mean().item() == pytest.approx(0.5, abs=0.01)

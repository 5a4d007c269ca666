"""AutoAugment's CIFAR-10 policy (Cubuk et al. 2019) on a whole batch at once.

torchvision draws one of 25 sub-policies for each image and applies its two operations image by
image. Here the results equal torchvision's to the last bit, but every operation is one of three
steps on many images at once, with one row of a table or tensor per image:

- geometry takes each pixel from another place, which torchvision's own operation determines;
- a change of levels looks each pixel up in 256 levels;
- a blend adds shares of the image and of another one, in torchvision's order of float32 operations.

On a GPU all images go through all steps. So the kernels do not depend on the draws, no draw is
copied to the host, and the host never waits. On a CPU each step gets only the images that need it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import torch
from torch import Tensor
from torch.nn.functional import pad
from torchvision.transforms import AutoAugment, AutoAugmentPolicy, InterpolationMode
from torchvision.transforms.autoaugment import _apply_op

_POLICIES, _BINS = 25, 10  # sub-policies, and magnitudes per operation, as in torchvision


@dataclass(frozen=True)
class Draws:
    """The random draws for a batch.

    Attributes:
        policy: (N,), the sub-policy of an image, 0 to 24.
        chance: (N, 2) in [0, 1); an operation is applied if ``chance`` <= its probability.
        sign: (N, 2), 0 or 1; a magnitude with a direction is negative if it is 0.
    """

    policy: Tensor
    chance: Tensor
    sign: Tensor

    @classmethod
    def of(cls, count: int, draws: torch.Generator) -> "Draws":
        """Draw for ``count`` images, on the device of ``draws``."""
        device, shape = draws.device, (count, 2)
        return cls(
            torch.randint(_POLICIES, (count,), generator=draws, device=device),
            torch.rand(shape, generator=draws, device=device),
            torch.randint(2, shape, generator=draws, device=device),
        )


@dataclass(frozen=True)
class OperationTables:
    """The policy for images of one size. Its K operations, each with its magnitude, are numbered.

    Operation 0 leaves an image unchanged. So do an operation's rows of tables that it does not use.

    Attributes:
        probability: (25, 2), probability of the first and second operation of a sub-policy.
        number: (25, 2, 2), numbers of these operations, by sign.
        source: (K,), index in ``_SOURCES``; -1 for number 0.
        places: (K, H * W), the place that each pixel comes from; H * W is black.
        levels: (K, 1, 256, 1), the new level of each level.
        own: (K, 1, 1, 1), the share of the image in a blend.
        other: (K, 1, 1, 1), the share of the other image in a blend.
    """

    probability: Tensor
    number: Tensor
    source: Tensor
    places: Tensor
    levels: Tensor
    own: Tensor
    other: Tensor

    def drawn(self, drawn: Draws) -> Tensor:
        """The numbers of the first and the second operation of each image, (2, N)."""
        place = torch.arange(2, device=drawn.policy.device)
        number = self.number[drawn.policy[:, None], place, drawn.sign]
        return (number * (drawn.chance <= self.probability[drawn.policy])).T


# From planes (N, C, H, W) and the number of each one's operation to the value that a step applies.
Source = Callable[[Tensor, Tensor, OperationTables], Tensor]
# From planes, the source's value and the same numbers to the changed planes.
Step = Callable[[Tensor, Tensor, Tensor, OperationTables], Tensor]
Form = Callable[[Tensor, Tensor, OperationTables], Tensor]


def auto_augment(images: Tensor, drawn: Draws) -> Tensor:
    """Augmented copies of uint8 images (N, H, W, C), computed on their device."""
    return augmented(images, drawn, by_subsets if images.device.type == "cpu" else all_at_once)


def augmented(images: Tensor, drawn: Draws, form: Form) -> Tensor:
    """The same, with operations applied by ``form``. Both forms return the same images."""
    tables = operation_tables(*images.shape[1:], images.device)
    planes = images.permute(0, 3, 1, 2).clone(memory_format=torch.contiguous_format)
    for number in tables.drawn(drawn):
        planes = form(planes, number, tables)
    return planes.permute(0, 2, 3, 1).contiguous()


def all_at_once(planes: Tensor, number: Tensor, tables: OperationTables) -> Tensor:
    """Apply every step to every image; a step that is not the image's changes nothing."""
    index = tables.source[number][:, None, None, None]
    for step, (source, *others) in _STEPS.items():
        value = source(planes, number, tables)
        for other in others:
            chosen = index == _SOURCES.index(other)
            value = torch.where(chosen, other(planes, number, tables), value)
        planes = step(planes, value, number, tables)
    return planes


def by_subsets(planes: Tensor, number: Tensor, tables: OperationTables) -> Tensor:
    """Apply every step with each of its sources, in place, only to the images that need it."""
    index = tables.source[number]
    for step, sources in _STEPS.items():
        for source in sources:
            members = (index == _SOURCES.index(source)).nonzero()[:, 0]
            if len(members):
                some, which = planes.index_select(0, members), number[members]
                value = source(some, which, tables)
                planes.index_copy_(0, members, step(some, value, which, tables))
    return planes


def _moved(planes: Tensor, places: Tensor, number: Tensor, tables: OperationTables) -> Tensor:
    places = places[:, None].expand(-1, planes.shape[1], -1)
    return pad(planes.flatten(2), (0, 1)).gather(2, places).view_as(planes)


def _places(planes: Tensor, number: Tensor, tables: OperationTables) -> Tensor:
    return tables.places[number]


def _relevelled(planes: Tensor, levels: Tensor, number: Tensor, tables: OperationTables) -> Tensor:
    levels = levels.flatten(2).expand(-1, planes.shape[1], -1)
    return levels.gather(2, planes.flatten(2).long()).view_as(planes)


def _levels(planes: Tensor, number: Tensor, tables: OperationTables) -> Tensor:
    return tables.levels[number]


def _stretched_levels(planes: Tensor, number: Tensor, tables: OperationTables) -> Tensor:
    """Levels stretched from black to white, for a plane with more than one level."""
    lowest, highest = planes.amin((2, 3), keepdim=True), planes.amax((2, 3), keepdim=True)
    flat = lowest == highest
    lowest = lowest.float().masked_fill(flat, 0)
    scale = (255 / (highest - lowest)).masked_fill(flat, 1)
    return _pixels((tables.levels[0] - lowest) * scale)


def _equalized_levels(planes: Tensor, number: Tensor, tables: OperationTables) -> Tensor:
    """Levels that are equally frequent, as far as whole steps of 1/255 of the pixels allow."""
    pixels = planes.flatten(2).long()
    one = torch.ones((), dtype=torch.int32, device=planes.device)
    counts = one.new_zeros(*planes.shape[:2], 256).scatter_add(2, pixels, one.expand_as(pixels))
    step = (pixels.shape[2] - counts.gather(2, pixels.amax(2, keepdim=True))) // 255
    below = counts.cumsum(2, dtype=torch.int32) - counts
    levels = (below + step // 2) // step.clamp(min=1)
    equalized = levels.clamp(max=255).to(torch.uint8)[..., None]
    return torch.where(step[..., None] == 0, tables.levels[0], equalized)


def _blended(planes: Tensor, image: Tensor, number: Tensor, tables: OperationTables) -> Tensor:
    return _pixels(tables.own[number] * planes + tables.other[number] * image)


def _black(planes: Tensor, number: Tensor, tables: OperationTables) -> Tensor:
    return torch.zeros((1, 1, 1, 1), device=planes.device)


def _mean(planes: Tensor, number: Tensor, tables: OperationTables) -> Tensor:
    total = _grey(planes, number, tables).sum((2, 3), keepdim=True, dtype=torch.float32)
    # Divided by a tensor: for a number, a GPU would multiply by its rounded inverse.
    return total / torch.full_like(total, planes.shape[2] * planes.shape[3])


def _grey(planes: Tensor, number: Tensor, tables: OperationTables) -> Tensor:
    if planes.shape[1] == 1:
        return planes
    red, green, blue = planes[:, :1], planes[:, 1:2], planes[:, 2:]
    return (0.2989 * red + 0.587 * green + 0.114 * blue).to(torch.uint8)


def _blurred(planes: Tensor, number: Tensor, tables: OperationTables) -> Tensor:
    """The rounded mean of 3x3 pixels, in which the middle counts five times; borders stay."""
    blurred = planes.to(torch.int16)
    rows = blurred[..., :-2, :] + blurred[..., 1:-1, :] + blurred[..., 2:, :]
    inner = blurred[..., 1:-1, 1:-1]
    total = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:] + 4 * inner
    inner.copy_((total + 6) // 13)
    return blurred


def _pixels(values: Tensor) -> Tensor:
    return values.clamp(0, 255).to(torch.uint8)


# The sources of each step; with its first source and number 0, a step changes nothing.
_STEPS: dict[Step, tuple[Source, ...]] = {
    _moved: (_places,),
    _relevelled: (_levels, _stretched_levels, _equalized_levels),
    _blended: (_black, _mean, _grey, _blurred),
}
_SOURCES = tuple(chain.from_iterable(_STEPS.values()))
_SOURCE_OF: dict[str, Source] = {
    **dict.fromkeys(("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY"), _places),
    **dict.fromkeys(("Posterize", "Solarize", "Invert"), _levels),
    "AutoContrast": _stretched_levels,
    "Equalize": _equalized_levels,
    "Brightness": _black,
    "Contrast": _mean,
    "Color": _grey,
    "Sharpness": _blurred,
}
_Operation = tuple[str, float]  # its name and magnitude


@lru_cache(maxsize=8)
def operation_tables(
    height: int, width: int, channels: int, device: torch.device
) -> OperationTables:
    """The tables for images of this shape, made on the CPU and copied to ``device`` once."""
    transform = AutoAugment(AutoAugmentPolicy.CIFAR10)
    drawable = _drawable(transform, (height, width))
    operations: list[_Operation] = list(dict.fromkeys([("Identity", 0.0), *drawable]))
    sources = [_SOURCES.index(_SOURCE_OF[name]) for name, _ in operations[1:]]
    every_level = torch.arange(256, dtype=torch.uint8).view(1, 1, 256, 1)
    own = _shares(operations, min(height, width), channels)
    tables = OperationTables(
        probability=torch.tensor([[p for _, p, _ in policy] for policy in transform.policies]),
        number=torch.tensor([operations.index(each) for each in drawable]).view(-1, 2, 2),
        source=torch.tensor([-1, *sources]),
        places=_place_table(operations, height, width),
        levels=torch.cat([_result(_levels, each, every_level) for each in operations]),
        own=own.float(),
        other=(1.0 - own).float(),
    )
    return OperationTables(**{name: table.to(device) for name, table in vars(tables).items()})


def _drawable(transform: AutoAugment, size: tuple[int, int]) -> list[_Operation]:
    """The first and the second operation of every sub-policy, each with both signs."""
    space = transform._augmentation_space(_BINS, size)
    drawable = []
    for name, _, bin_number in chain.from_iterable(transform.policies):
        magnitudes, signed = space[name]
        magnitude = magnitudes[bin_number].item() if bin_number is not None else 0.0
        drawable += [(name, -magnitude if signed else magnitude), (name, magnitude)]
    return drawable


def _shares(operations: list[_Operation], side: int, channels: int) -> Tensor:
    """The share of an image in its blend, for each operation.

    torchvision does not sharpen images with a side of at most two pixels, nor colour grey images.
    """
    sharpened, tinted = {_blurred} if side > 2 else set(), {_grey} if channels > 1 else set()
    blends = {_black, _mean} | sharpened | tinted
    shares = [1.0 + m if _SOURCE_OF.get(name) in blends else 1.0 for name, m in operations]
    return torch.tensor(shares, dtype=torch.float64).view(-1, 1, 1, 1)


def _place_table(operations: list[_Operation], height: int, width: int) -> Tensor:
    """The places after each operation, on an image of places from 1 on, as 0 is outside."""
    count = height * width
    counted = torch.arange(1, count + 1, dtype=torch.float32).view(1, 1, height, width)
    moved = torch.cat([_result(_places, each, counted) for each in operations])
    return (moved.flatten(1).long() - 1) % (count + 1)


def _result(source: Source, operation: _Operation, image: Tensor) -> Tensor:
    """The image after torchvision's operation if it uses ``source``, else the image itself."""
    name, magnitude = operation
    if _SOURCE_OF.get(name) is not source:
        return image
    result: Tensor = _apply_op(image, name, magnitude, InterpolationMode.NEAREST, None)
    return result

"""AutoAugment's CIFAR-10 policy (Cubuk et al. 2019) on a whole batch at once.

torchvision draws one of 25 sub-policies an image and applies its two operations one image at a
time. Here all images are drawn at once, and those that share an operation and its magnitude go
through torchvision's own operation together.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torchvision.transforms import AutoAugment, AutoAugmentPolicy, InterpolationMode
from torchvision.transforms.autoaugment import _apply_op

_BINS = 10  # magnitudes of an operation, as in torchvision


@dataclass(frozen=True)
class Draws:
    """What chance decides for a batch.

    Attributes:
        policy: (N,), the sub-policy of an image, 0 to 24.
        chance: (N, 2) in [0, 1); an operation is applied where its probability is not below.
        sign: (N, 2), 0 or 1; a magnitude that has a direction is negative where it is 0.
    """

    policy: Tensor
    chance: Tensor
    sign: Tensor

    @classmethod
    def of(cls, count: int, draws: torch.Generator) -> "Draws":
        """For ``count`` images."""
        device, shape = draws.device, (count, 2)
        return cls(
            torch.randint(len(_policies()), (count,), generator=draws, device=device),
            torch.rand(shape, generator=draws, device=device),
            torch.randint(2, shape, generator=draws, device=device),
        )


def auto_augment(images: Tensor, drawn: Draws) -> Tensor:
    """Augmented uint8 images (N, H, W, 3); ``images`` stay as they are."""
    out = images.permute(0, 3, 1, 2).contiguous()
    size = (out.shape[2], out.shape[3])
    for place in (0, 1):
        for (name, magnitude), members in _groups(drawn, place, size).items():
            index = _on_device(members, images.device)
            out[index] = _apply_op(out[index], name, magnitude, InterpolationMode.NEAREST, None)
    return out.permute(0, 2, 3, 1).contiguous()


def _on_device(members: list[int], device: torch.device) -> Tensor:
    """An index, copied without waiting for what the device has still to do."""
    index = torch.tensor(members)
    if device.type == "cuda":
        index = index.pin_memory()
    return index.to(device, non_blocking=True)


def _groups(drawn: Draws, place: int, size: tuple[int, int]) -> dict[tuple[str, float], list[int]]:
    """The images that get each operation and magnitude as their first or second operation."""
    found: dict[tuple[str, float], list[int]] = {}
    chance, sign = drawn.chance[:, place].tolist(), drawn.sign[:, place].tolist()
    for image, policy in enumerate(drawn.policy.tolist()):
        name, probability, bin_number = _policies()[policy][place]
        if chance[image] <= probability:
            magnitudes, signed = _magnitudes(size)[name]
            magnitude = magnitudes[bin_number] if bin_number is not None else 0.0
            direction = -1.0 if signed and sign[image] == 0 else 1.0
            found.setdefault((name, direction * magnitude), []).append(image)
    return found


@lru_cache(maxsize=1)
def _transform() -> AutoAugment:
    return AutoAugment(AutoAugmentPolicy.CIFAR10)


def _policies() -> list[tuple[tuple[str, float, int | None], ...]]:
    policies: list[tuple[tuple[str, float, int | None], ...]] = _transform().policies
    return policies


@lru_cache(maxsize=8)
def _magnitudes(size: tuple[int, int]) -> dict[str, tuple[list[float], bool]]:
    """Magnitudes of each operation for images of ``size``, and whether they have a direction."""
    space = _transform()._augmentation_space(_BINS, size)
    return {
        name: (values.tolist() if values.ndim else [], signed)
        for name, (values, signed) in space.items()
    }

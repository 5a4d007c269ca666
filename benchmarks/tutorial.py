"""Training as in tutorials, with which Convoy is compared.

Images are PIL images, which torchvision's transforms augment one by one in a DataLoader. The
network computes in float32 and NCHW, with ReLU before the pool. The loss is read at every step.
"""

from collections.abc import Generator, Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, RandomSampler
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms
from torchvision.datasets import CIFAR10

from trainables import architectures
from trainables.data import Dataset, Split
from trainables.shapes import ImageShape

Batches = Iterable[tuple[Tensor, Tensor]]
_ENDLESS = 10**12


class PilImages(TorchDataset[tuple[Any, int]]):
    """A split's images in memory, in the form of torchvision's CIFAR10.

    Args:
        split: images and labels.
        transform: turns a PIL image into an element of a batch.
    """

    def __init__(self, split: Split, transform: Any) -> None:
        self._images, self._labels = np.asarray(split.images), split.labels.tolist()
        self._transform = transform

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self._transform(Image.fromarray(self._images[index])), self._labels[index]


def images_of(dataset: Dataset, split: Split, source: str, transform: Any) -> TorchDataset[Any]:
    """The images of ``split``, read as in a tutorial.

    ``dataset`` was loaded from ``source``. CIFAR-10 is read by torchvision's own class, limited to
    the images of the split.
    """
    if dataset.name != "cifar10":
        return PilImages(split, transform)
    images = CIFAR10(source, transform=transform)
    images.data, images.targets = np.asarray(split.images), split.labels.tolist()
    narrowed: TorchDataset[Any] = images
    return narrowed


def transform_of(dataset: Dataset, *, flip: bool = False, crop_padding: int = 0) -> Any:
    """torchvision's transforms: optional crop and flip, then conversion and normalisation.

    Args:
        dataset: gives the size and the statistics of its images.
        flip: random horizontal flip.
        crop_padding: pixels of black padding before a random crop; 0 is off.
    """
    crop = (
        [transforms.RandomCrop(dataset.image_shape[:2], padding=crop_padding)]
        if crop_padding
        else []
    )
    flips = [transforms.RandomHorizontalFlip()] if flip else []
    last = [transforms.ToTensor(), transforms.Normalize(dataset.mean, dataset.std)]
    return transforms.Compose([*crop, *flips, *last])


def shuffled(images: TorchDataset[Any], batch_size: int) -> DataLoader[Any]:
    """The usual loader of training images, in this process; an iteration is one epoch."""
    return DataLoader(images, batch_size=batch_size, shuffle=True)


def endless(images: TorchDataset[Any], batch_size: int, workers: int) -> DataLoader[Any]:
    """A loader whose one iteration passes over the images again and again, in a new order each.

    Its workers start with the iteration and serve it until it is dropped.
    """
    sampler = RandomSampler(images, num_samples=_ENDLESS)  # type: ignore[arg-type]
    return DataLoader(images, batch_size=batch_size, sampler=sampler, num_workers=workers)


class Conv3(nn.Module):
    """``trainables.architectures.conv3`` in the textbook's order, with parameters of its names."""

    def __init__(
        self, *, image_shape: ImageShape, classes: int, dropout: float = 0.25, dense: int = 256
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(image_shape[2], 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(128 * (image_shape[0] // 8) * (image_shape[1] // 8), dense)
        self.linear = nn.Linear(dense, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (N, classes), of images (N, channels, height, width)."""
        for conv in (self.conv1, self.conv2, self.conv3):
            x = self.pool(F.relu(conv(x)))
        x = self.dropout(torch.flatten(x, 1))
        logits: Tensor = self.linear(F.relu(self.dense(x)))
        return logits


class Gap5(nn.Module):
    """``trainables.architectures.gap5`` in the textbook's order, with parameters of its names."""

    def __init__(
        self, *, image_shape: ImageShape, classes: int, pool_stride: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(image_shape[2], 16, 7, padding=3), nn.BatchNorm2d(16)
        self.conv2, self.bn2 = nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32)
        self.conv3, self.bn3 = nn.Conv2d(32, 48, 3, padding=1), nn.BatchNorm2d(48)
        self.conv4, self.bn4 = nn.Conv2d(48, 64, 3, padding=1), nn.BatchNorm2d(64)
        self.conv5 = nn.Conv2d(64, 80, 3, padding=1)
        self.pool = nn.MaxPool2d(2, stride=pool_stride)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(80, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, (N, classes), of images (N, channels, height, width)."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.pool(F.relu(self.bn2(self.conv2(x))))
        x = self.pool(F.relu(self.bn3(self.conv3(x))))
        x = self.pool(F.relu(self.bn4(self.conv4(x))))
        x = F.adaptive_avg_pool2d(self.conv5(x), 1)
        logits: Tensor = self.linear(self.dropout(torch.flatten(x, 1)))
        return logits


TEXTBOOK: dict[str, type[nn.Module]] = {"conv3": Conv3, "gap5": Gap5}


def network(architecture: str, dataset: Dataset, parameters: dict[str, Any]) -> nn.Module:
    """The textbook's network if this module has one, else Convoy's own."""
    build = TEXTBOOK.get(architecture) or partial(architectures.build, architecture)
    return build(image_shape=dataset.image_shape, classes=len(dataset.classes), **parameters)


def train(
    model: nn.Module,
    batches: Batches,
    optimizer: Optimizer,
    device: torch.device,
    schedule: LRScheduler | None = None,
) -> Generator[tuple[int, float], None, None]:
    """The usual loop; it yields the images of each step and the summed loss so far."""
    model.train()
    running_loss = 0.0
    for batch, targets in batches:
        images, labels = batch.to(device), targets.to(device)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if schedule is not None:
            schedule.step()
        running_loss += loss.item()
        yield len(labels), running_loss


def accuracy(model: nn.Module, batches: Batches, device: torch.device) -> float:
    """Accuracy of ``model`` on the images of ``batches``, in float32."""
    model.eval()
    right = total = 0
    with torch.no_grad():
        for images, labels in batches:
            predicted = model(images.to(device)).argmax(dim=1)
            right += int((predicted == labels.to(device)).sum())
            total += len(labels)
    return right / total

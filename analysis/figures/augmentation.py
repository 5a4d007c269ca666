"""Training images, and examples of the run's augmentation below them."""

import numpy as np
import torch

from analysis.examples import sample
from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.panels import image_grid, visible
from analysis.subject import Subject
from trainables.data.augmentation import Augmentation
from trainables.data.batches import Normaliser
from trainables.data.dataset import Dataset, Images
from trainables.recipe import Recipe
from trainables.seeding import generator

GROUP = "data"
COUNT, DRAWS = 8, 3


def draw(subject: Subject) -> Drawing:
    """Draw originals in the first row and three draws of the augmentation below."""
    recipe = subject.run.setting.recipe
    used = [name for name, key in recipe.augmentations.items() if key.changes == "images"]
    if not used:
        raise NotApplicableError("the run uses no augmentation")
    originals = _originals(subject.dataset)
    rows = [originals, *(_augmented(subject, recipe, number) for number in range(DRAWS))]
    figure, panels = image_grid(len(rows) * len(originals), len(originals), 1.15, words=0.05)
    for axes, image in zip(panels, np.concatenate(rows), strict=True):
        axes.imshow(visible(image))
    for row, label in enumerate(("original", *(f"draw {n + 1}" for n in range(DRAWS)))):
        panels[row * len(originals)].set_ylabel(label)
    settings = {name: getattr(recipe, name) for name in used}
    return Drawing(figure, {"augmentation": settings, "images": len(originals)}, _caption(settings))


def _originals(dataset: Dataset) -> Images:
    """Training images, drawn from all classes."""
    return dataset.train.images[sample(dataset.train.labels, COUNT)]


def _augmented(subject: Subject, recipe: Recipe, number: int) -> np.ndarray:
    """The same training images, augmented, then de-normalised with the run's statistics."""
    device = torch.device("cpu")
    draws = generator(device, 0, "figure", number)
    images = torch.from_numpy(_originals(subject.dataset))
    augment = Augmentation(recipe, subject.run.attended_region)
    pixels = augment.pixels(images, draws)
    values = augment.values(Normaliser(subject.dataset, device)(pixels), draws)
    mean, std = (torch.tensor(value) for value in (subject.dataset.mean, subject.dataset.std))
    shown = (values.permute(0, 2, 3, 1) * std + mean).clamp(0, 1)
    return np.asarray((255 * shown).round().to(torch.uint8))


def _caption(settings: dict[str, object]) -> Caption:
    values = ", ".join(f"{name}={_short(value)}" for name, value in settings.items())
    return Caption(
        f"Original training images, and three draws of this run's augmentation ({values}).",
        "The images are augmented as in training, with a fixed seed. Then they are de-normalised "
        "with the run's mean and standard deviation, and clamped to the range of a screen.",
        "These are a few random draws. Validation and the rest of this analysis use unaugmented "
        "images. MixUp is not shown, even if the run used it.",
    )


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)

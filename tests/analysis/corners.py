"""A folder of drawn pictures, each with a corner whose colour mostly says the class."""

import csv
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image

from trainables.data.embedded import CLASSES, SIZE, draw_pictures
from trainables.data.shortcut import Shortcut

CORNER = 10  # pixels a side
REGION = (SIZE - CORNER, SIZE - CORNER, SIZE, SIZE)


def draw_corners(
    folder: Path, classes: int, count: int, aligned: float = 0.8, *, biased_val: bool = False
) -> Shortcut:
    """Write ``train/CLASS/*.png`` and ``val/CLASS/*.png`` and ``corners.csv``; their shortcut.

    Of the ``count`` training images of a class the share ``aligned`` has its own colour, the others
    one at random, as all of the half as many validation images have. With ``biased_val`` all of
    these have their own. There are up to 12 classes.
    """
    rng = np.random.default_rng(0)
    names = [f"{CLASSES[label % 10]}{label // 10 or ''}" for label in range(classes)]
    colours = (255 * colormaps["Set3"](np.arange(classes))[:, :3]).astype(np.uint8)
    with (folder / "corners.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["filename", "corner"])
        for split, size in (("train", count), ("val", count // 2)):
            for label, name in enumerate(names):
                (folder / split / name).mkdir(parents=True)
                for number, image in enumerate(draw_pictures(label % 10, size, rng)):
                    own = number < aligned * size if split == "train" else biased_val
                    corner = label if own else int(rng.integers(classes))
                    image[-CORNER:, -CORNER:] = colours[corner]
                    path = f"{split}/{name}/{number}.png"
                    Image.fromarray(image).save(folder / path)
                    table.writerow([path, f"colour{corner}"])
    agrees = tuple((f"colour{label}", name) for label, name in enumerate(names))
    return Shortcut(csv="corners.csv", column="corner", agrees=agrees, region=REGION)

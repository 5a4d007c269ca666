"""Activation maps of up to three layers, for a right and a wrong prediction."""

import numpy as np
import torch
from matplotlib.figure import Figure

from analysis.examples import Example, colour, examples, title
from analysis.figures import Caption, Drawing
from analysis.layers import Layer, captured
from analysis.look import STRENGTHS
from analysis.panels import mosaic, show
from analysis.subject import Subject

GROUP = "activations"
LAYERS, SIDE = 3, 4
MAX_MAPS = SIDE**2  # maps of a layer, in a square


def draw(subject: Subject) -> Drawing:
    """Draw a row for each image: the image, then maps of the first, a middle and the last layer."""
    shown = examples(subject, 1, 1)
    places = np.unique(np.linspace(0, len(subject.layers) - 1, LAYERS).astype(int))
    layers = [subject.layers[place] for place in places]
    figure = Figure(figsize=(1.7 + 2.5 * len(layers), 2.9 * len(shown)), layout="constrained")
    grid = figure.subplots(
        len(shown), 1 + len(layers), squeeze=False, width_ratios=[1.6, *[2.5] * len(layers)]
    )
    maps = _maps(subject, layers, shown)
    for row, example in enumerate(shown):
        show(grid[row, 0], subject.picture(example.index), title(subject, example))
        grid[row, 0].title.set_color(colour(example))
        for axes, layer in zip(grid[row, 1:], layers, strict=True):
            tiles = maps[layer.name][row][:MAX_MAPS]
            reach = float(np.abs(maps[layer.name]).max())
            count, (height, width) = maps[layer.name].shape[1], tiles.shape[1:]
            heading = f"{layer.name}: {len(tiles)} of {count} maps\n"
            heading += f"of {height}x{width}, up to {reach:.1f}"
            show(axes, _square(tiles), heading, cmap=STRENGTHS, vmin=0, vmax=1)
    numbers = [_numbers(example, maps, row) for row, example in enumerate(shown)]
    return Drawing(figure, {"images": numbers}, _caption(subject))


def _maps(subject: Subject, layers: list[Layer], shown: list[Example]) -> dict[str, np.ndarray]:
    """Activation maps by layer, (images, filters, H, W)."""
    inputs = subject.inputs([example.index for example in shown])
    with torch.inference_mode(), captured(*(layer.normalised for layer in layers)) as outputs:
        subject.model(inputs)
    return {
        layer.name: layer.activated(outputs[layer.normalised]).float().cpu().numpy()
        for layer in layers
    }


def _square(tiles: np.ndarray) -> np.ndarray:
    """The maps in a square of the same size for every layer; unused places are blank."""
    blank = np.full((MAX_MAPS - len(tiles), *tiles.shape[1:]), np.nan)
    return mosaic(np.concatenate([_scaled(tiles), blank]), SIDE)


def _scaled(maps: np.ndarray) -> np.ndarray:
    """Each map stretched to [0, 1]; a constant map is 0."""
    low = maps.min(axis=(1, 2), keepdims=True)
    reach = maps.max(axis=(1, 2), keepdims=True) - low
    scaled: np.ndarray = (maps - low) / np.where(reach > 0, reach, 1)
    return scaled


def _numbers(example: Example, maps: dict[str, np.ndarray], row: int) -> dict[str, object]:
    layers = {
        name: {
            "mean": float(values[row].mean()),
            "max": float(values[row].max()),
            "share_of_zeros": float((values[row] == 0).mean()),
        }
        for name, values in maps.items()
    }
    shown = example.numbers()
    return {key: shown[key] for key in ("index", "label", "predicted")} | {"layers": layers}


def _caption(subject: Subject) -> Caption:
    return Caption(
        f"A {subject.split_name} image that is predicted correctly and one that is predicted "
        "wrongly, with the activation maps of the first, a middle and the last convolution.",
        "The maps are taken after BN and ReLU, if the layer has them, and before pooling. Each map "
        "is stretched to its own range; the number above a panel is the layer's largest value on "
        f"these images. At most {MAX_MAPS} maps of a layer are shown, in order.",
        "These are only two images. Stretched maps do not show which maps are strong. The order "
        "of filters has no meaning.",
    )

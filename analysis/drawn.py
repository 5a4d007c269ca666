"""The figures of a run, drawn and saved one after the other."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis import figures
from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.subject import Subject

DPI = 150


@dataclass(frozen=True)
class DrawnFigure:
    """A figure as it was saved.

    Attributes:
        name: of the figure's file.
        group: one of ``figures.GROUPS``.
        caption: what stands below it.
        numbers: what it shows, as JSON values.
        png: the image, at ``DPI``.
        size: width and height in inches.
    """

    name: str
    group: str
    caption: Caption
    numbers: dict[str, Any]
    png: bytes
    size: tuple[float, float]


@dataclass(frozen=True)
class Gallery:
    """The figures that were drawn, in order, and why others were not, by name."""

    drawn: tuple[DrawnFigure, ...]
    left_out: dict[str, str]


def draw_figures(subject: Subject, names: Iterable[str], folder: Path) -> Gallery:
    """Draw the figures ``names`` into ``folder``, which is made: ``NAME.png`` and ``NAME.json``.

    Raises:
        UsageError: there is no figure of a name.
    """
    folder.mkdir()
    drawn: list[DrawnFigure] = []
    left_out: dict[str, str] = {}
    for name in names:
        try:
            drawing = figures.drawer(name)(subject)
        except NotApplicableError as reason:
            left_out[name] = str(reason)
            continue
        drawn.append(_saved(name, drawing, folder))
        drawing.figure.clear()  # its arrays go now, and not when the collector finds the cycle
    return Gallery(tuple(drawn), left_out)


def save_drawing(name: str, drawing: Drawing, folder: Path) -> Path:
    """Write ``NAME.json`` and ``NAME.png`` into ``folder``, which is there; the image's path."""
    path = folder / f"{name}.png"
    drawing.figure.savefig(path, dpi=DPI)
    path.with_suffix(".json").write_text(json.dumps(drawing.numbers, allow_nan=False))
    return path


def _saved(name: str, drawing: Drawing, folder: Path) -> DrawnFigure:
    path = save_drawing(name, drawing, folder)
    width, height = map(float, drawing.figure.get_size_inches())
    return DrawnFigure(
        name=name,
        group=figures.group(name),
        caption=drawing.caption,
        numbers=json.loads(path.with_suffix(".json").read_text()),
        png=path.read_bytes(),
        size=(width, height),
    )

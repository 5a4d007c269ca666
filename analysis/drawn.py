"""Draw and save the figures of a run, one after the other."""

import json
import traceback
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from analysis import figures
from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.look import styled
from analysis.subject import Subject
from trainables.boundary.errors import UsageError

DPI = 150
MAX_SIDE = 4000  # pixels; a larger figure is drawn with fewer dots per inch


@dataclass(frozen=True)
class DrawnFigure:
    """A saved figure.

    Attributes:
        name: its name, which is also the name of its file.
        group: one of ``figures.GROUPS``.
        caption: the text below it.
        numbers: the values that it shows, as JSON values.
        png: the image, at most ``DPI`` dots per inch and ``MAX_SIDE`` pixels a side.
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
    """The figures of a request: drawn, not applicable, or failed.

    Attributes:
        drawn: the figures that were drawn, in order.
        left_out: the reason why a figure does not apply to the run, by its name.
        failed: the reason why a figure that applies could not be drawn, by its name.
    """

    drawn: tuple[DrawnFigure, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def updated(self, other: "Gallery") -> "Gallery":
        """The figures of ``other``, and those of this gallery that ``other`` lacks, in order."""
        order = {name: place for place, name in enumerate(figures.available())}
        drawn = [figure for figure in self.drawn if figure.name not in other.names]
        drawn = sorted((*drawn, *other.drawn), key=lambda each: order.get(each.name, len(order)))

        def merged(ours: dict[str, str], theirs: dict[str, str]) -> dict[str, str]:
            reasons = {n: why for n, why in ours.items() if n not in other.names} | theirs
            return dict(sorted(reasons.items(), key=lambda each: order.get(each[0], len(order))))

        left_out, failed = merged(self.left_out, other.left_out), merged(self.failed, other.failed)
        return Gallery(tuple(drawn), left_out, failed)

    @property
    def names(self) -> set[str]:
        """The names of all figures of the request."""
        return {*(figure.name for figure in self.drawn), *self.left_out, *self.failed}

    def as_dict(self) -> dict[str, Any]:
        """The names, the reasons, and what the figures' own files lack, as JSON values."""
        return {
            "drawn": [figure.name for figure in self.drawn],
            "not_applicable": self.left_out,
            "failed": self.failed,
            "figures": {
                each.name: {
                    "group": each.group,
                    "caption": asdict(each.caption),
                    "size": each.size,
                }
                for each in self.drawn
            },
        }


def draw_figures(subject: Subject, names: Iterable[str], folder: Path) -> Gallery:
    """Draw the figures ``names`` as ``NAME.png`` and ``NAME.json`` into the new folder ``folder``.

    If a figure cannot be drawn, for whatever reason, the others are still drawn.

    Raises:
        UsageError: no figure has one of the names.
    """
    folder.mkdir()
    drawn: list[DrawnFigure] = []
    left_out: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name in names:
        draw = figures.drawer(name)
        try:
            drawn.append(_saved(name, draw(subject), folder))
        except NotApplicableError as reason:
            left_out[name] = str(reason)
        except Exception as error:  # any error: the certificate and the other figures stay
            failed[name] = _reason(error)
            remove_figure(name, folder)
    return Gallery(tuple(drawn), left_out, failed)


def remove_figure(name: str, folder: Path) -> None:
    """Remove the files of a figure from ``folder``."""
    for kind in ("png", "json"):
        (folder / f"{name}.{kind}").unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    """What went wrong and, unless the message already explains it, where."""
    lines = str(error).splitlines()
    if isinstance(error, UsageError):
        return " ".join(lines)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}"
    return f"{type(error).__name__}: {' '.join(lines) or 'no message'} ({place})"


def save_drawing(name: str, drawing: Drawing, folder: Path) -> Path:
    """Write ``NAME.json`` and ``NAME.png`` into an existing folder; return the image's path."""
    path = folder / f"{name}.png"
    longest = float(max(drawing.figure.get_size_inches()))
    with styled():  # matplotlib makes ticks only when it draws
        drawing.figure.savefig(path, dpi=min(DPI, MAX_SIDE / longest))
    path.with_suffix(".json").write_text(json.dumps(drawing.numbers, allow_nan=False))
    return path


def _saved(name: str, drawing: Drawing, folder: Path) -> DrawnFigure:
    path = save_drawing(name, drawing, folder)
    width, height = map(float, drawing.figure.get_size_inches())
    drawing.figure.clear()  # frees its arrays now, not when the collector finds the cycle
    return DrawnFigure(
        name=name,
        group=figures.group(name),
        caption=drawing.caption,
        numbers=json.loads(path.with_suffix(".json").read_text()),
        png=path.read_bytes(),
        size=(width, height),
    )

"""Names of the classes in figures: shortened, and in characters that this machine's fonts have."""

from collections import Counter
from typing import Any
from unicodedata import east_asian_width

from matplotlib.axes import Axes

from analysis.fonts import unwritable

_BROAD = frozenset("MWmw@%")
LONGEST = 16  # characters, as ``text_width`` counts them
TICKS, SLANTED = 40, 20  # most names along an axis; more than SLANTED names are written upright


def figure_names(classes: tuple[str, ...]) -> tuple[str, ...]:
    """The classes' names as figures write them, all different.

    A long name is cut in the middle. If two names are then equal, each gets its class's index in
    front. A name that no font of this machine can write becomes the index alone.
    """
    names = [shortened(name) for name in classes]
    counts = Counter(names)
    return tuple(
        _figure_name(label, classes[label], counts[n] == 1) for label, n in enumerate(names)
    )


def _figure_name(label: int, name: str, unique: bool) -> str:
    if unwritable(name):
        return f"class {label}"
    index = "" if unique else f"{label} "
    return index + shortened(name, LONGEST - len(index))


def shortened(name: str, longest: int = LONGEST) -> str:
    """``name``, with its middle cut out if it is longer than ``longest`` characters."""
    if text_width(name) <= longest:
        return name
    half = (longest - 1) / 2
    return f"{_begin(name, half + 0.5)}…{_begin(name[::-1], half)[::-1]}"


def unwritten(classes: tuple[str, ...]) -> str:
    """A remark that figures name some classes by their index for lack of a font; else empty."""
    count = sum(bool(unwritable(name)) for name in classes)
    if not count:
        return ""
    return (
        f"no font of this machine can write {count} of {len(classes)} class names: figures show "
        "the index of these classes; install a font that can (Noto Sans, for example)"
    )


def name_ticks(axes: Axes, names: tuple[str, ...], along: str = "xy", most: int = TICKS) -> None:
    """Write names at 0, 1, ... along one or both axes; at most ``most`` of them, evenly spaced."""
    step = -(-len(names) // most)
    places, shown = range(0, len(names), step), names[::step]
    if "x" in along:
        style: dict[str, Any] = {
            "rotation": 90 if len(shown) > SLANTED else 45,
            "rotation_mode": "anchor",
        }
        axes.set_xticks(places, shown, fontsize=8, ha="right", va="center", **style)
    if "y" in along:
        axes.set_yticks(places, shown, fontsize=8)


def _begin(name: str, widest: float) -> str:
    """The longest beginning of ``name`` that is at most ``widest`` characters wide."""
    end, width = 0, 0.0
    while end < len(name) and (width := width + text_width(name[end])) <= widest:
        end += 1
    return name[:end]


def text_width(text: str) -> float:
    """Width in characters: a wide one, such as W, counts 1.5, and a Chinese one counts 2."""
    return sum(_width(letter) for letter in text)


def _width(letter: str) -> float:
    if east_asian_width(letter) in "WF":
        return 2
    return 1.5 if letter in _BROAD else 1

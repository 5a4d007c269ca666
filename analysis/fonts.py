"""Find the fonts of this machine that can write a text."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

import matplotlib
from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font

_PLACEHOLDERS = "Last Resort"  # has a box for every character


def families(text: str) -> list[str]:
    """The usual font, and those with the characters of ``text`` that it lacks, best first."""
    return _choice(frozenset(text))[0]


def unwritable(text: str) -> frozenset[str]:
    """The characters of ``text`` that no font of this machine can draw."""
    return _choice(frozenset(text))[1]


def legible(text: str) -> str:
    """``text`` with an escape for each character that no font of this machine can draw."""
    odd = {ord(c): c.encode("ascii", "backslashreplace").decode() for c in unwritable(text)}
    return text.translate(odd) if odd else text


@cache
def _choice(letters: frozenset[str]) -> tuple[list[str], frozenset[str]]:
    chosen = list(matplotlib.rcParamsDefault["font.family"])
    usual = FT2Font(font_manager.findfont(FontProperties(family=chosen)))
    missing = {c for c in letters if not c.isspace() and not usual.get_char_index(ord(c))}
    fonts = {family: _drawn_by(font, missing) for family, font in _others()} if missing else {}
    while missing and fonts:
        best = max(fonts, key=lambda name: (len(fonts[name] & missing), "Serif" not in name))
        if not fonts[best] & missing:
            break
        # Bold text falls back to it too, and few such fonts are bold.
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
        chosen.append(best)
        missing -= fonts.pop(best)
    return chosen, frozenset(missing)


def _others() -> Iterator[tuple[str, FT2Font]]:
    """The upright fonts of usual weight, with their families."""
    manager = font_manager.fontManager
    known = {entry.fname for entry in manager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - known):  # newer than its list
        with suppress(Exception):  # matplotlib lets through what FreeType raises for no font
            manager.addfont(path)
    for entry in manager.ttflist:
        if entry.name.startswith(_PLACEHOLDERS):
            continue
        if entry.style == "normal" and entry.weight in (400, "normal", "regular"):
            try:
                yield entry.name, FT2Font(entry.fname)
            except (OSError, RuntimeError):
                continue


def _drawn_by(font: FT2Font, letters: set[str]) -> set[str]:
    """The ``letters`` that ``font`` has as outlines; matplotlib cannot draw coloured bitmaps."""
    if not font.scalable:
        return set()
    font.set_size(12, 72)
    held = {c for c in letters if font.get_char_index(ord(c))}
    return {c for c in held if font.load_char(ord(c)).width > 0}

"""``report.pdf``: the report as pages to print.

Each figure is placed as its saved image. Drawing it again as vectors would take several times as
long as placing the image. Headings and captions are text.
"""

import io
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from PIL import Image

from analysis.class_names import text_width
from analysis.drawn import DrawnFigure
from analysis.fonts import families, legible
from analysis.report.document import Pairs, Report, Section, heading

PAGE = (8.27, 11.69)  # A4, inches
LEFT, RIGHT, TOP, BOTTOM = 0.75, 0.75, 0.7, 0.75
WIDTH = PAGE[0] - LEFT - RIGHT
BODY, SMALL = 9.0, 7.5  # points
LINE = 1.45  # line spacing
COLUMNS = 100  # characters of size BODY that fit into WIDTH
BOLD = 0.86  # share of these that fit if they are bold
INK, MUTED, ACCENT, ALARM = "#1c1f23", "#5a626b", "#1f4e79", "#9c2f1f"
TERMS = 1.75  # inches, width of a table's first column


def write_pdf(report: Report, path: Path) -> None:
    """Write the report to ``path``: a title page, then a page for every figure."""
    about = {"Title": f"Convoy: {report.title}", "Subject": report.summary, "Creator": "Convoy"}
    # Embedded TrueType, so that text can be searched and copied.
    with matplotlib.rc_context({"pdf.fonttype": 42}), PdfPages(path, metadata=about) as pages:
        for page in _pages(report):
            pages.savefig(page.figure)


class _Page:
    """A page that is filled from the top; positions are in inches from its left and top edge."""

    def __init__(self, foot: str) -> None:
        self.figure = Figure(figsize=PAGE)
        self.y = TOP
        self._text(LEFT, PAGE[1] - 0.45, foot, size=SMALL, color=MUTED)

    @property
    def left(self) -> float:
        """Inches to the bottom margin."""
        return PAGE[1] - BOTTOM - self.y

    def write(
        self,
        text: str,
        size: float = BODY,
        color: str = INK,
        weight: str = "normal",
        indent: float = 0.0,
        after: float = 0.0,
    ) -> None:
        """Write ``text``, wrapped, at the current position, then ``after`` inches of space."""
        for line in wrapped(legible(text), size, indent, weight):
            self._text(LEFT + indent, self.y, line, size=size, color=color, weight=weight)
            self.y += size * LINE / 72
        self.y += after

    def table(self, pairs: Pairs) -> None:
        """Write terms and values in two columns."""
        for term, value in pairs:
            start = self.y
            self.write(term, color=MUTED)
            end, self.y = self.y, start
            self.write(value, indent=TERMS)
            self.y = max(end, self.y) + 0.03

    def place(self, png: bytes, size: tuple[float, float], height: float) -> None:
        """Place an image of ``size`` inches, centred; it is scaled down if it does not fit."""
        scale = min(1.0, WIDTH / size[0], height / size[1])
        width, height = scale * size[0], scale * size[1]
        box = (LEFT + (WIDTH - width) / 2, PAGE[1] - self.y - height, width, height)
        axes = self.figure.add_axes(tuple(np.divide(box, (*PAGE, *PAGE))))
        axes.axis("off")
        pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
        axes.imshow(pixels, aspect="auto", interpolation="none")
        self.y += height

    def _text(self, x: float, y: float, text: str, **style: Any) -> None:
        font: dict[str, Any] = {"family": families(text), "parse_math": False}
        self.figure.text(x / PAGE[0], 1 - y / PAGE[1], legible(text), va="top", **font, **style)


def wrapped(
    text: str, size: float = BODY, indent: float = 0.0, weight: str = "normal"
) -> list[str]:
    """The lines of ``text`` in a font of ``size`` points, ``indent`` inches from the margin."""
    narrow = len(text) / text_width(text) if text else 1.0  # Chinese characters are twice as wide
    columns = COLUMNS * BODY / size * (WIDTH - indent) / WIDTH * narrow
    return textwrap.wrap(text, int(columns * (BOLD if weight == "bold" else 1))) or [""]


def _pages(report: Report) -> Iterator[_Page]:
    """Yield the pages one by one, so that only one is in memory."""
    begin = {"Readings of the test labels": report.readings, "Settings": report.settings}
    yield from _tables(report, begin, _title_page(report))
    for section in report.sections:
        for place, drawn in enumerate(section.figures):
            head = section.introduction if place == 0 else ""
            yield _figure_page(report, section, drawn, head)
    end = {
        "Could not be drawn": report.failed,
        "Left out": report.left_out,
        "Versions": report.versions,
    }
    yield from _tables(report, end, _Page(_foot(report)))


def _title_page(report: Report) -> _Page:
    page = _Page(_foot(report))
    page.write("CONVOY REPORT", size=SMALL, color=MUTED, after=0.05)
    page.write(report.title, size=20, weight="bold", after=0.1)
    page.write(report.summary, size=11, after=0.15)
    if report.verdict:
        page.write(report.verdict, size=11, weight="bold", color=ACCENT, after=0.05)
        page.write(report.evidence, after=0.15)
    page.write(report.certificate, color=INK if report.certified else ALARM, after=0.1)
    for remark in report.remarks:
        page.write(remark, weight="bold", color=ALARM, after=0.1)
    page.y += 0.15
    page.table(report.facts)
    return page


def _tables(report: Report, tables: dict[str, Pairs], page: _Page) -> Iterator[_Page]:
    """Write titled tables from the position on ``page`` on, on as many pages as they need."""
    for title, pairs in tables.items():
        for place, pair in enumerate(pairs):
            if page.left < (0.9 if place == 0 else 0.4):
                yield page
                page = _Page(_foot(report))
            if place == 0:
                page.y += 0.2
                page.write(title, size=13, weight="bold", after=0.08)
            page.table((pair,))
    yield page


def _figure_page(report: Report, section: Section, drawn: DrawnFigure, head: str) -> _Page:
    page = _Page(_foot(report))
    page.write(section.title.upper(), size=SMALL, color=MUTED, after=0.02)
    if head:
        page.write(head, after=0.1)
    page.write(heading(drawn.name), size=15, weight="bold", after=0.12)
    caption = {
        "What it shows": drawn.caption.shows,
        "How it was made": drawn.caption.made,
        "What it does not show": drawn.caption.limits,
    }
    lines = sum(len(wrapped(text)) + 1 for text in caption.values())
    below = lines * BODY * LINE / 72 + len(caption) * 0.07 + 0.15
    page.place(drawn.png, drawn.size, max(page.left - below, 1.0))
    page.y += 0.15
    for title, text in caption.items():
        page.write(title, weight="bold", color=ACCENT)
        page.write(text, after=0.07)
    return page


def _foot(report: Report) -> str:
    return f"Convoy · {report.title} · {report.made:%d %B %Y}"

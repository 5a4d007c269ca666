"""Write the files of a report, and read them back to add figures."""

import io
import json
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from pydantic import AfterValidator, BaseModel, Field

from analysis.certificate import Certificate
from analysis.drawn import MAX_SIDE, DrawnFigure, Gallery
from analysis.figures import GROUPS, Caption
from analysis.record import Records
from analysis.report import FIGURES, HTML_FILE, JSON_FILE, PDF_FILE, artifact_name
from analysis.report.document import check_reportable, report_of
from analysis.report.html import html_text
from analysis.report.pdf import write_pdf
from analysis.sealed import Seal
from analysis.subject import Subject
from search.records.parsing import parsed
from search.space.naming import is_name
from trainables.boundary.errors import UsageError


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError(f"{text!r} is not the name of a figure")
    return text


def _group(text: str) -> str:
    if text not in GROUPS:
        raise ValueError(f"must be one of {', '.join(GROUPS)}, not {text!r}")
    return text


_Name = Annotated[str, AfterValidator(_name)]  # it becomes the name of a file
_Inches = Annotated[float, Field(gt=0, lt=1000)]


class FigureRecord(BaseModel, frozen=True):
    """The record of a figure in a report, besides its image and its numbers."""

    group: Annotated[str, AfterValidator(_group)]
    caption: Caption
    size: tuple[_Inches, _Inches]


class ReportRecord(BaseModel, frozen=True):
    """``report.json``; earlier versions wrote neither the split nor the figures.

    Attributes:
        run_id: the run of the report.
        drawn: names of its figures.
        split: the split whose images they show.
        not_applicable: the reason why a figure does not apply to the run, by its name.
        failed: the reason why a figure could not be drawn, by its name.
        figures: the records of the drawn figures, by name.
    """

    run_id: str
    drawn: list[_Name]
    split: str | None = None
    not_applicable: dict[_Name, str] = {}
    failed: dict[_Name, str] = {}
    figures: dict[_Name, FigureRecord] = {}


@dataclass(frozen=True)
class RunReports:
    """The two reports of a run.

    Attributes:
        folder: the output folder, which has one report.
        records: the store that has the other report among the run's artifacts.
        here: the figures of the report in the folder.
        logged: the figures of the report in the store.
        lost: names of figures in either report whose image, numbers or caption cannot be read.
    """

    folder: Path
    records: Records
    here: Gallery = field(default_factory=Gallery)
    logged: Gallery = field(default_factory=Gallery)
    lost: frozenset[str] = frozenset()

    def read(self, run_id: str, split: str) -> "RunReports":
        """Read the figures of both reports.

        Raises:
            UsageError: the report in the folder is damaged, or of another run or split.
        """
        here, lost_here = read_report(self.folder, run_id, split)
        logged, lost = Gallery(), set[str]()
        with tempfile.TemporaryDirectory() as copy:
            name = artifact_name(split)
            self.records.download(run_id, name, Path(copy))
            with suppress(UsageError):  # a damaged report in the store is replaced
                logged, lost = read_report(Path(copy, name), run_id, split)
        return replace(self, here=here, logged=logged, lost=frozenset(lost | lost_here))


def write_report(
    subject: Subject, certificate: Certificate, gallery: Gallery, seal: Seal, folder: Path
) -> None:
    """Write ``report.json``, ``report.html`` and ``report.pdf`` into ``folder``."""
    report = report_of(subject, certificate, gallery, datetime.now().astimezone(), seal)
    about: dict[str, Any] = {"run_id": subject.run.run_id, "split": subject.shown}
    about |= {"certified": certificate.certified, **gallery.as_dict()}
    (folder / JSON_FILE).write_text(json.dumps(about, indent=2))
    (folder / HTML_FILE).write_text(html_text(report), encoding="utf-8")
    write_pdf(report, folder / PDF_FILE)


def read_report(folder: Path, run_id: str, split: str) -> tuple[Gallery, set[str]]:
    """The figures of the report in ``folder``, if any, and the names of unreadable figures.

    Raises:
        UsageError: the report is damaged, or of another run or split.
    """
    file = folder / JSON_FILE
    if not file.exists():
        return Gallery(), set()
    try:
        record: ReportRecord = parsed(ReportRecord, file.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--only adds to a report, but {file} cannot be read ({error}); leave out --only to "
            "replace it, or give another --out"
        ) from error
    if (record.run_id, record.split or split) != (run_id, split):
        whose = f"run {record.run_id}" if record.run_id != run_id else f"{record.split} images"
        raise UsageError(
            f"--only adds to a report, but {folder} holds one of {whose}; leave out --only to "
            "replace it, or give another --out"
        )
    drawn = {name: _figure(name, record.figures.get(name), folder) for name in record.drawn}
    readable = tuple(figure for figure in drawn.values() if figure is not None)
    lost = {name for name, figure in drawn.items() if figure is None}
    return Gallery(readable, record.not_applicable, record.failed), lost


def _figure(name: str, record: FigureRecord | None, folder: Path) -> DrawnFigure | None:
    """A figure of an earlier analysis; None if it cannot be read back."""
    if record is None:
        return None
    file = folder / FIGURES / f"{name}.png"
    try:
        png, text = file.read_bytes(), file.with_suffix(".json").read_bytes()
        numbers: dict[str, Any] = parsed(dict[str, Any], text)
        figure = DrawnFigure(name, record.group, record.caption, numbers, png, record.size)
        check_reportable(figure)
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            if max(image.size) > MAX_SIDE + 1:
                raise ValueError("it is larger than any figure of Convoy")
            image.load()
    except Exception:  # Pillow raises many kinds for a damaged image
        return None
    return figure

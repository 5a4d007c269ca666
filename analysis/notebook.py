"""An analysis as a function; a notebook shows its result."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console

from analysis.report import HTML_FILE
from analysis.run import analysed, command_line
from search import environment
from trainables.boundary.calls import check_types
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import counted

if TYPE_CHECKING:
    from analysis.certificate import Certificate

EMBEDDED_FIGURES = 4  # if there are more, the notebook links the report instead


@dataclass(frozen=True)
class Analysis:
    """The analysis of a run; a notebook shows the figures, or links the report.

    Attributes:
        certificate: whether the reloaded weights give the logged validation accuracy.
        figures: files of the figures that were drawn, by name.
        folder: holds the figures, the report, the predictions and the weights.
        verdict: the result of the shortcut audit in a sentence; None without an audit.
    """

    certificate: "Certificate"
    figures: dict[str, Path]
    folder: Path
    verdict: str | None = None

    @property
    def report(self) -> Path:
        """The report as one HTML file."""
        return self.folder / HTML_FILE

    def _repr_html_(self) -> str:
        link = f'<a href="{self.report.as_uri()}">report</a> in {escape(str(self.folder))}'
        shown = self.figures if len(self.figures) <= EMBEDDED_FIGURES else {}
        images = "".join(_image(name, path) for name, path in shown.items())
        count = counted(len(self.figures), "figure")
        verdict = f"<p><b>{escape(self.verdict)}</b></p>" if self.verdict else ""
        return f"{verdict}<p>{escape(self.certificate.verdict)}; {count}, {link}</p>{images}"


def _image(name: str, path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{escape(name)}" src="data:image/png;base64,{content}">'


def analyse(
    *,
    search: str | None = None,
    run: str | None = None,
    space: str | None = None,
    data: str | None = None,
    out: str | Path | None = None,
    only: Sequence[str] | None = None,
    split: Literal["train", "val", "test"] = "val",
    read_test: bool = False,
    no_test: bool = False,
    tracking_uri: str | None = None,
    quiet: bool = True,
) -> Analysis:
    """Analyse one recorded run, as ``python -m analysis.run`` does.

    The arguments are the flags of that command, which ``--help`` explains. Only ``quiet`` differs:
    it silences everything that the command would print.

    Raises:
        UsageError: an argument, its type, a record or a file is wrong.
    """
    check_types(signature(analyse), locals())
    if [search, run, space].count(None) != 2:
        raise UsageError("give one of search, run and space")
    flags: dict[str, Any]
    flags = {"search": search, "run": [run] if run else None, "space": space, "data": data}
    flags |= {"only": list(only) if only else None, "split": split, "read_test": read_test}
    flags |= {"no_test": no_test}
    flags |= {"out": str(out) if out is not None else None, "tracking_uri": tracking_uri}
    flags |= {"quiet": quiet}
    environment.prepare(loopback=True)
    from analysis.certificate import Certificate  # MLflow takes seconds to import
    from analysis.report.document import audit_verdict

    arguments = command_line().parse_args([])
    vars(arguments).update(flags)
    console = Console(highlight=False, markup=False, quiet=quiet, force_jupyter=False)
    folder, _ = analysed(arguments, console)
    certificate = Certificate(**json.loads((folder / "certificate.json").read_text()))
    names = only or sorted(path.stem for path in (folder / "figures").glob("*.png"))
    files = {name: folder / "figures" / f"{name}.png" for name in names}
    drawn = {name: path for name, path in files.items() if path.exists()}
    verdict = None
    if "audit" in drawn:
        verdict = audit_verdict(json.loads(drawn["audit"].with_suffix(".json").read_text()))
    return Analysis(certificate, drawn, folder, verdict)

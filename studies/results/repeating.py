"""A row, repeated: its searches are run, their networks analysed, and the sealed test read once."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from analysis.audit.intervals import Estimate
from analysis.notebook import analyse
from analysis.record import Records
from search.commands.search import run as run_search
from search.records.overview import holds_search
from search.records.run_reader import RecordedRun
from search.records.search_file import read_search_file
from search.records.summary import Summary, is_whole, summary_in
from search.records.tracking import default_uri
from search.trials.spec import BASELINE
from studies.results.measured import AuditFigures, MeasuredNetwork, MeasuredRow, MeasuredSearch
from studies.results.rows import DeclaredSearch, Rows
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import counted

_GLANCE = ("confusion", "audit")  # figures that leave the test sealed
_AUDITED = {"beta": "boost"} | {
    name: name for name in ("flips", "control", "following", "aligned", "conflicting")
}


@dataclass(frozen=True)
class SearchPlace:
    """The folders of searches and of their data.

    Attributes:
        out: folder of the searches, absolute.
        data: folder of the data, or ``embedded``; None for the usual one.
    """

    out: Path
    data: str | None = None

    @property
    def uri(self) -> str:
        """MLflow's store."""
        return default_uri(self.out)

    @property
    def flags(self) -> list[str]:
        """As a search takes them."""
        return ["--out", str(self.out), *(["--data", self.data] if self.data else [])]


def repeated(name: str, rows: Rows, place: SearchPlace) -> MeasuredRow:
    """Repeat row ``name``: run its searches as far as necessary, and read each test once.

    Raises:
        UsageError: there is no such row, a search in ``place`` is not the row's, or has no winner.
        KeyboardInterrupt: a search was interrupted; the next call resumes it.
    """
    row, planned = rows.row(name), rows.searches(name)
    ended = {each: _ended(each, search, place) for each, search in planned.items()}
    records = Records(place.uri, place.out)
    winners = {each: records.load(records.winner_of(each)) for each in ended}
    best, summary = winners[name], ended[name]
    measured = _measured(best, summary.best, place)
    if row.baseline:
        baseline = _measured(winners[row.baseline], ended[row.baseline].best, place)
    else:
        baseline = _measured(_first_trial(best, records), summary.baseline, place)
    return MeasuredRow(
        source=row.source,
        data=best.data["name"],
        fingerprint=best.data["fingerprint"],
        baseline=baseline,
        best=measured,
        searches={
            each: _searched(planned[each].command(each), ended[each], run)
            for each, run in winners.items()
        },
    )


def _ended(name: str, planned: DeclaredSearch, place: SearchPlace) -> Summary:
    """Search ``name`` once it has ended: run, resumed or as it is."""
    folder = place.out / name
    if begun := holds_search(folder):
        planned.check_asked(name, read_search_file(folder).flags)
    if not begun or not is_whole(folder):
        run_search(["--resume", name, *place.flags] if begun else planned.words(name, *place.flags))
    summary = summary_in(folder)
    if summary is None or not is_whole(folder):
        raise KeyboardInterrupt(f"search {name} has not ended; the same command resumes it")
    if summary.best is None:
        raise UsageError(f"search {name} in {place.out} has no winner; delete it, and begin anew")
    return summary


def _first_trial(winner: RecordedRun, records: Records) -> RecordedRun:
    """The baseline of the winner's own search."""
    trials = records.search_of(winner).trials
    return records.load(next(each.run_id for each in trials if each.record.label == BASELINE))


def _measured(
    run: RecordedRun, expected: dict[str, Any] | None, place: SearchPlace
) -> MeasuredNetwork:
    """A network with its test, and its setting's ``expected`` figures over fresh seeds."""
    folder = place.out / run.search / ("analysis" if run.is_winner else "analysis-baseline")
    seal, expected = _read_once(run, folder, place), expected or {}
    reading = seal["readings"][seal["reading"] - 1]
    certificate = json.loads((folder / "certificate.json").read_text())
    return MeasuredNetwork(
        val_accuracy=run.val_accuracy,
        mean=expected.get("val_accuracy_mean"),
        std=expected.get("val_accuracy_std"),
        seeds=expected.get("seeds", 0),
        test=reading["estimates"],
        reading=seal["reading"],
        read=reading["time"],
        certified=certificate["certified"],
        settings=run.values,
        audit=_audit(folder / "figures" / "audit.json"),
    )


def _read_once(run: RecordedRun, folder: Path, place: SearchPlace) -> dict[str, Any]:
    """The reading of the test labels for a run: the earlier one, or one made now."""
    seal = _analysed(run, folder, place, only=_GLANCE)
    if seal["reading"] is None and run.is_winner:
        seal = _analysed(run, folder, place)
    elif seal["reading"] is None:
        shown = folder.with_name(f"{folder.name}-test")
        seal = _analysed(run, shown, place, only=_GLANCE[:1], split="test", read_test=True)
    if missing := seal["unrecorded"] or (seal["reading"] is None and seal["unread"]):
        raise UsageError(f"the sealed test of search {run.search} is not recorded: {missing}")
    return seal


def _analysed(run: RecordedRun, folder: Path, place: SearchPlace, **how: Any) -> dict[str, Any]:
    """The record of test readings that an analysis into ``folder`` leaves there."""
    where: dict[str, Any] = {"data": place.data, "out": folder, "tracking_uri": place.uri}
    analyse(run=run.run_id, quiet=False, **where, **how)
    seal: dict[str, Any] = json.loads((folder / "test.json").read_text())
    return seal


def _audit(numbers: Path) -> AuditFigures | None:
    """The figures of the audit; None if the images show no digit."""
    if not numbers.exists():
        return None
    audit = json.loads(numbers.read_text())
    figures = {key: _estimate(audit["metrics"][name]) for key, name in _AUDITED.items()}
    figures["beta"] = figures["beta"] or _estimate(audit["metrics"]["natural_boost"])
    return AuditFigures(verdict=audit["verdict"], **figures)


def _estimate(metric: dict[str, Any]) -> Estimate | None:
    if metric["value"] is None:
        return None
    return Estimate(*(metric[field.name] for field in fields(Estimate)))


def _searched(command: str, summary: Summary, winner: RecordedRun) -> MeasuredSearch:
    provenance, resources = winner.provenance, summary.resources
    at_once = counted(int(resources["concurrency"]), "trial")
    each = counted(int(resources["cpus"]), "CPU")
    gpus = f" and {resources['gpus']:g} GPU" if resources["gpus"] else ""
    return MeasuredSearch(
        command=command,
        epochs=winner.setting.epochs,
        trials=summary.trials,
        minutes=round(summary.wall_seconds / 60, 1),
        code=provenance.code.described if provenance.code else "unknown",
        machine=f"{provenance.device_name}; {at_once} at once, on {each}{gpus} each",
    )

"""The tables of results, from ``studies/results``: ``python docs/results.py`` writes them anew.

It replaces the text between two comments in docs/results.md and in the README, nothing else.
"""

import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from analysis.audit.intervals import Estimate
from search.space.budget import Source
from studies.results.measured import AuditFigures, MeasuredNetwork, MeasuredRow, measured_file
from studies.results.rows import FOLDER, Row, Rows, read_rows
from trainables.boundary.wording import counted

DOCS = Path(__file__).parent
PAGE, README = DOCS / "results.md", DOCS.parent / "README.md"
BEGIN, END = "<!-- docs/results.py writes what follows -->", "<!-- up to here -->"
MISSING = "not measured yet"
_WIDTH = 96  # columns of a command
_HEAD = (
    *("row", "source", "baseline: validation", "baseline: sealed test", "winner: validation"),
    *("its setting, fresh seeds", "winner: sealed test (95% interval)", "epochs", "min"),
)
_SHORT_HEAD = ("row", "source", "baseline, sealed test", "winner, sealed test (95% interval)")
_AUDIT_HEAD = (
    *("row", "network", "sealed test: aligned", "conflicting", "follows the digit", "β, nats"),
    *("another digit flips (same digit)", "verdict"),
)

Measured = dict[str, MeasuredRow | None]


def page(folder: Path = FOLDER) -> str:
    """The text for docs/results.md: all rows, the audit where there are digits, the commands."""
    rows = read_rows(folder)
    measured = _measured(rows, folder)
    table = _table(_HEAD, (_cells(name, row, measured[name]) for name, row in rows.rows.items()))
    audits = [cells for name, row in measured.items() if row for cells in _audits(name, row)]
    parts = [table]
    if audits:
        parts += ["### The shortcut", _SHORTCUT, _table(_AUDIT_HEAD, audits)]
    parts += [
        "### Commands",
        _REPEATED,
        *(_commands(name, rows, measured[name]) for name in rows.rows),
    ]
    return "\n\n".join(part.strip() for part in parts)


def short(folder: Path = FOLDER) -> str:
    """The text for the README: test against test, of the measured rows, and the first audit."""
    rows = read_rows(folder).rows
    known = [(name, row) for name, row in _measured(read_rows(folder), folder).items() if row]
    tables = [_table(_SHORT_HEAD, (_short_cells(name, rows[name], row) for name, row in known))]
    audits = [cells for name, row in known for cells in _audits(name, row)][:2]
    if audits:
        tables.append(_table(_AUDIT_HEAD, audits))
    return "\n\n".join(tables)


def with_tables(text: str, tables: str) -> str:
    """``text`` of a page with ``tables`` between its two comments."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{rest.split(END)[1]}"


_SHORTCUT = """\
Of each network: its sealed test by what the digit says, and its [audit](reading-the-report.md) on
the validation images. A network that reads no digit follows it in a ninth of its errors.
"""
_REPEATED = """\
`make results ROW=NAME` runs the searches below as far as they have not been run, then
`python -m analysis.run --search NAME` for the winner, and
`python -m analysis.run --run RUN_ID --only confusion --split test --read-test` for a baseline that
did not win. In the row's folder these are readings 1 and 2 of the sealed test, unless the row says
otherwise. Rows of one data set share its test images.
"""


def _measured(rows: Rows, folder: Path) -> Measured:
    return {name: MeasuredRow.read(measured_file(name, folder)) for name in rows.rows}


def _cells(name: str, row: Row, measured: MeasuredRow | None) -> list[str]:
    title = f"`{name}`, {row.remark}" if row.remark else f"`{name}`"
    if measured is None:
        return [title, _source(row.source), MISSING, *[""] * 6]
    baseline, best, search = measured.baseline, measured.best, measured.searches[name]
    return [
        title,
        _source(measured.source),
        f"{100 * baseline.val_accuracy:.2f}%",
        f"{100 * baseline.accuracy.value:.2f}%",
        f"{100 * best.val_accuracy:.2f}%",
        _seeds(best),
        _tested(measured),
        str(search.epochs),
        f"{search.minutes:.0f}",
    ]


def _short_cells(name: str, row: Row, measured: MeasuredRow) -> list[str]:
    title = f"`{name}`, {row.remark}" if row.remark else f"`{name}`"
    baseline = f"{100 * measured.baseline.accuracy.value:.2f}%"
    return [title, _source(measured.source), baseline, _tested(measured)]


def _source(source: Source) -> str:
    return f"{100 * source.accuracy:.4g}% {source.split}"


def _seeds(network: MeasuredNetwork) -> str:
    if network.mean is None:
        return "not trained again"
    std = "" if network.std is None else f" ± {100 * network.std:.2f}"
    return f"{100 * network.mean:.2f}{std}% ({network.seeds})"


def _tested(measured: MeasuredRow) -> str:
    """The winner's sealed test, and whether it reaches the source's figure."""
    accuracy = measured.best.accuracy
    interval = f"({100 * accuracy.low:.2f} to {100 * accuracy.high:.2f})"
    figure = f"{100 * accuracy.value:.2f}%"
    doubt = "" if measured.best.certified else ", not certified"
    if measured.reaches_source:
        return f"**{figure}** {interval}{doubt}"
    return f"{figure} {interval}, not reached{doubt}"


def _audits(name: str, row: MeasuredRow) -> Iterator[list[str]]:
    for title, network in (("baseline", row.baseline), ("winner", row.best)):
        if network.audit is not None:
            yield [f"`{name}`", title, *_audit_cells(network, network.audit)]


def _audit_cells(network: MeasuredNetwork, audit: AuditFigures) -> list[str]:
    beta, test = audit.beta, network.test
    return [
        _share(test.get("test_accuracy_aligned")),
        _share(test.get("test_accuracy_conflicting")),
        _share(test.get("test_digit_following")),
        "-" if beta is None else f"{beta.value:z.2f} ({beta.low:z.2f} to {beta.high:z.2f})",
        f"{_share(audit.flips)} ({_share(audit.control)})",
        audit.verdict,
    ]


def _share(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{100 * estimate.value:.1f}%"


def _commands(name: str, rows: Rows, measured: MeasuredRow | None) -> str:
    """How a row is repeated, and what its figures were measured on."""
    searches = rows.searches(name)
    commands = {each: search.command(each) for each, search in searches.items()}
    if measured is not None:
        commands = {each: search.command for each, search in measured.searches.items()}
    lines = [line for command in commands.values() for line in _wrapped(command)]
    about = f"**`{name}`**: {MISSING}." if measured is None else _about(name, measured)
    return f"{about}\n\n{textwrap.indent(chr(10).join(lines), 4 * ' ')}"


def _about(name: str, row: MeasuredRow) -> str:
    search = row.searches[name]
    pruned, trials = search.trials["pruned"], search.trials["requested"]
    text = f"**`{name}`**: {row.best.read:%Y-%m-%d}, Convoy {search.code}, on {search.machine}."
    for code in sorted({other.code for other in row.searches.values()} - {search.code}):
        text += f" Its baseline: {code}."
    if pruned:
        text += f" ASHA stopped {pruned} of {counted(trials, 'trial')} early."
    if (readings := (row.best.reading, row.baseline.reading)) != (1, 2):
        text += " Readings {} (winner) and {} (baseline) of the sealed test.".format(*readings)
    return textwrap.fill(text, 112, break_long_words=False, break_on_hyphens=False)


def _wrapped(line: str) -> list[str]:
    """A command in lines that end with a backslash, none within a flag and its value."""
    words = re.sub(r" (?!-)", "\0", line)
    lines = textwrap.wrap(
        words, _WIDTH - 2, subsequent_indent=4 * " ", break_long_words=False, break_on_hyphens=False
    )
    return [each.replace("\0", " ") for each in (*(f"{x} \\" for x in lines[:-1]), lines[-1])]


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    for file, tables in ((PAGE, page()), (README, short())):
        file.write_text(with_tables(file.read_text(), tables))

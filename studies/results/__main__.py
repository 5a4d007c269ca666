"""``python -m studies.results``: repeat a row of docs/results.md, and compare the sealed test."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from analysis.audit.intervals import Estimate
from search import environment
from search.trials.text import settings_line
from studies.results.measured import MeasuredNetwork, MeasuredRow, measured_file
from studies.results.rows import FOLDER, read_rows
from trainables.boundary.arguments import Arguments
from trainables.boundary.door import command
from trainables.boundary.paths import user_path
from trainables.boundary.wording import counted
from trainables.data import EMBEDDED, UNNAMED

_EXAMPLES = """examples:
  python -m studies.results conv3 --data PATH            compare the sealed test
  python -m studies.results conv3 --data PATH --record   also write the figures
"""


@command
def main(argv: list[str] | None = None, folder: Path = FOLDER) -> int:
    """Run the command line ``argv`` on the rows in ``folder``; the exit status.

    0 the row's sealed test figure lies within the committed one's interval, or is recorded; 1 it
    lies outside, cannot be compared, or the network is not certified; 2 a flag, the row's name or
    a file is wrong; 130 interrupted.
    """
    arguments = command_line().parse_args(argv)
    rows = read_rows(folder)
    row = rows.row(arguments.row)
    environment.prepare(loopback=True)
    from studies.results.repeating import SearchPlace, repeated  # MLflow takes seconds to import

    place = SearchPlace(user_path(arguments.out, "--out"), arguments.data)
    measured = repeated(arguments.row, rows, place)
    print(*_described(arguments.row, row.remark, measured), sep="\n")
    path = measured_file(arguments.row, folder)
    if arguments.record:
        measured.write(path)
    line, holds = _verdict(measured, MeasuredRow.read(path))
    recorded = f"; recorded in {path}" if arguments.record else ""
    print(f"{arguments.row}: {line}{recorded}")
    return 0 if holds else 1


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m studies.results",
        description="Repeat a row of docs/results.md from nothing, and compare its sealed test.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("row", metavar="ROW", help="row of docs/results.md, such as conv3")
    parser.add_argument(
        "--data", metavar="PATH", help=f"folder, or {EMBEDDED} (default: {UNNAMED})"
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        default="runs/results",
        help="folder of the searches (default: %(default)s)",
    )
    parser.add_argument(
        "--record", action="store_true", help="write the figures to studies/results/measured"
    )
    return parser


def _described(name: str, remark: str, row: MeasuredRow) -> Iterator[str]:
    """The row in plain words."""
    source, search = row.source, row.searches[name]
    yield f"\n{name}: {remark or row.data}; the source's result: {source.result}"
    yield from _network("baseline", row.baseline)
    yield from _network("best", row.best)
    yield f"  settings  {settings_line(row.best.settings)}"
    trials = search.trials
    yield (
        f"  search    {trials['completed']} of {counted(trials['requested'], 'trial')} completed, "
        f"{trials['pruned']} pruned, {trials['failed']} failed; at most "
        f"{counted(search.epochs, 'epoch')} each, {search.minutes:.0f} min"
    )
    yield f"  on        {search.machine}; Convoy {search.code}"


def _network(title: str, network: MeasuredNetwork) -> Iterator[str]:
    yield f"  {title:9} {100 * network.val_accuracy:.2f}% validation{_mean(network)}"
    yield (
        f"            {_percent(network.accuracy)} sealed test (reading {network.reading} of these "
        f"test images); {'certified' if network.certified else 'not certified'}"
    )
    if network.audit is not None:
        beta = network.audit.beta
        nats = "" if beta is None else f" (β {beta.value:z.2f} nats)"
        conflicting = network.test["test_accuracy_conflicting"]
        yield f"            {_percent(conflicting)} of it where the digit conflicts"
        yield f"            the audit's verdict: {network.audit.verdict}{nats}"


def _mean(network: MeasuredNetwork) -> str:
    if network.mean is None:
        return ""
    std = "" if network.std is None else f" ± {100 * network.std:.2f}"
    return f"; {100 * network.mean:.2f}{std}% over {counted(network.seeds, 'fresh seed')}"


def _percent(share: Estimate) -> str:
    return f"{100 * share.value:.2f}% ({100 * share.low:.2f} to {100 * share.high:.2f})"


def _verdict(row: MeasuredRow, committed: MeasuredRow | None) -> tuple[str, bool]:
    """The sealed test figure compared with the committed one, and whether it repeats it."""
    measured = f"sealed test {100 * row.best.accuracy.value:.2f}%"
    if committed is None:
        return f"{measured}, and no figure is committed; --record writes this one", False
    if row.fingerprint != committed.fingerprint:
        other = f"cannot be compared: it is of {row.data}, the committed one of other data"
        return f"{measured} {other} ({committed.data})", False
    expected = committed.best.accuracy
    within = expected.low <= row.best.accuracy.value <= expected.high
    stands = "lies within" if within else "falls outside"
    mended = "" if row.best.certified else ", but the network is not certified"
    return f"{measured} {stands} the committed {_percent(expected)}{mended}", (
        within and row.best.certified
    )


if __name__ == "__main__":
    sys.exit(main())

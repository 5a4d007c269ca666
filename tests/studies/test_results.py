"""The results: rows that are declared, measured, repeated and shown."""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import results

from search.request.parser import search_options
from search.request.planning import requests
from studies.results.__main__ import main
from studies.results.measured import MeasuredRow, measured_file
from studies.results.rows import read_rows
from tests.conftest import SMALL, run_here
from trainables.boundary.errors import UsageError

DECLARED = read_rows()
TINY = " ".join(flag for flag in SMALL if flag not in ("--data", "embedded", "--finalists", "0"))
SEARCH = {"space": "gap5", "flags": f"{TINY} --trials 2 --finalists 1 --finalist-seeds 1"}
ALONE = {"space": "gap5", "flags": f"{TINY} --trials 1 --finalists 0"}
TINY_ROWS: dict[str, Any] = {
    "baselines": {"alone": ALONE},
    "rows": {"tiny": SEARCH, "apart": {**ALONE, "baseline": "alone", "remark": "of two searches"}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that declares the tiny rows."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "rows.yaml").write_text(json.dumps(TINY_ROWS))
    return folder


@pytest.fixture(scope="module")
def repeat(one_ray: None, folder: Path) -> Callable[..., tuple[int, str]]:
    """Runs the command on the tiny rows; its exit status, and what it printed."""

    def run(row: str, *flags: str) -> tuple[int, str]:
        where = ["--data", "embedded", "--out", str(folder / "runs")]
        return run_here(partial(main, folder=folder), [row, *where, *flags])

    return run


@pytest.fixture(scope="module")
def recorded(repeat: Callable[..., tuple[int, str]]) -> tuple[int, str]:
    """The row of one search, from nothing to its committed figures."""
    return repeat("tiny", "--record")


def last_line(printed: str) -> str:
    return printed.rstrip().splitlines()[-1]


def figures(folder: Path) -> dict[str, Any]:
    return json.loads(measured_file("tiny", folder).read_text())


def readings(folder: Path) -> int:
    """How often the test labels were read, of all searches together."""
    return len(json.loads((folder / "runs/tiny/analysis/test.json").read_text())["readings"])


@pytest.mark.slow
def test_a_row_is_recorded_from_nothing(recorded, folder):
    status, printed = recorded
    row, summary = figures(folder), json.loads((folder / "runs/tiny/summary.json").read_text())
    assert status == 0, printed
    assert row["best"]["val_accuracy"] == summary["best"]["val_accuracy"]
    assert row["best"]["mean"] == summary["best"]["val_accuracy_mean"]
    assert row["baseline"]["val_accuracy"] == summary["baseline"]["val_accuracy"]
    assert row["searches"]["tiny"]["trials"] == summary["trials"]
    assert row["best"]["settings"] == summary["best"]["params"]
    assert row["best"]["certified"] and row["baseline"]["certified"]


@pytest.mark.slow
def test_the_winner_is_read_first_and_its_baseline_second(recorded, folder):
    row = figures(folder)
    assert (row["best"]["reading"], row["baseline"]["reading"]) == (1, 2)
    assert row["best"]["test"]["test_accuracy"]["images"] == 1000


@pytest.mark.slow
def test_a_second_call_gives_the_same_figures_and_reads_nothing(recorded, repeat, folder):
    before = figures(folder)
    status, printed = repeat("tiny", "--record")
    assert status == 0
    assert figures(folder) == before
    assert readings(folder) == 2
    assert re.search(r"^tiny: sealed test [\d.]+% lies within the committed ", last_line(printed))


@pytest.mark.slow
def test_a_figure_outside_the_committed_interval_is_status_1(recorded, repeat, folder):
    path, row = measured_file("tiny", folder), figures(folder)
    committed = path.read_text()
    row["best"]["test"]["test_accuracy"] |= {"value": 0.99, "low": 0.98, "high": 0.995}
    path.write_text(json.dumps(row))
    status, printed = repeat("tiny")
    path.write_text(committed)
    assert status == 1
    assert last_line(printed).endswith("falls outside the committed 99.00% (98.00 to 99.50)")


@pytest.mark.slow
def test_a_search_that_was_asked_otherwise_is_not_taken_for_the_row(recorded, repeat, folder):
    path = folder / "rows.yaml"
    declared = path.read_text()
    path.write_text(declared.replace("--trials 2", "--trials 3"))
    status, printed = repeat("tiny")
    path.write_text(declared)
    assert status == 2
    assert "search tiny was run with --trials 2, and its row asks for 3" in last_line(printed)


@pytest.mark.slow
def test_a_baseline_of_its_own_search_is_that_search_s_winner(repeat, folder):
    status, printed = repeat("apart")
    summary = json.loads((folder / "runs/alone/summary.json").read_text())
    assert status == 1
    assert last_line(printed).endswith("no figure is committed; --record writes this one")
    assert f"baseline  {100 * summary['best']['val_accuracy']:.2f}% validation" in printed


@pytest.mark.slow
def test_the_page_shows_what_was_recorded(recorded, folder):
    accuracy = figures(folder)["best"]["test"]["test_accuracy"]
    page, short = results.page(folder), results.short(folder)
    assert all(f"{100 * accuracy['value']:.2f}%" in text for text in (page, short))
    assert "`apart`, of two searches" in page


def test_an_unknown_row_is_one_line_and_status_2(capsys):
    assert main(["conv4"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: row 'conv4' does not exist; choose one of conv3, ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("declared", "fault"),
    [
        ({"rows": {"a": {**SEARCH, "baseline": "b"}}}, "row a: there is no b in baselines"),
        ({"rows": {}, "baselines": {"a": SEARCH}}, "baseline a: give it --trials 1"),
        ({"rows": {"a": {**SEARCH, "flags": "--name b"}}}, "--name: leave it out"),
        ({"rows": {"a": {**SEARCH, "flags": "--epoch 3"}}}, "--epoch is not an option"),
    ],
)
def test_rows_that_cannot_be_run_are_refused(declared, fault, tmp_path):
    (tmp_path / "rows.yaml").write_text(json.dumps(declared))
    with pytest.raises(UsageError, match=re.escape(fault)):
        read_rows(tmp_path)


@pytest.mark.parametrize("name", DECLARED.rows)
def test_every_row_names_searches_that_can_be_run_and_a_source(name):
    for each, search in DECLARED.searches(name).items():
        (request,) = requests(search_options([*search.words(each), "--data", "embedded"]))
        assert request.name == each
    assert DECLARED.row(name).source.accuracy > 0.5


@pytest.mark.parametrize("name", DECLARED.rows)
def test_the_committed_figures_are_those_of_a_row_as_it_is_declared(name):
    row = MeasuredRow.read(measured_file(name))
    if row is not None:
        declared = {each: search.command(each) for each, search in DECLARED.searches(name).items()}
        assert {each: search.command for each, search in row.searches.items()} == declared
        assert row.source == DECLARED.row(name).source


def test_the_page_has_every_row_and_the_readme_those_that_are_measured():
    page, short = results.page(), results.short()
    for name in DECLARED.rows:
        assert f"\n**`{name}`**: " in page
        assert (f"\n| `{name}`" in short) == measured_file(name).exists()


@pytest.mark.parametrize(("file", "tables"), [("PAGE", "page"), ("README", "short")])
def test_a_page_holds_what_the_measured_files_say(file, tables):
    text = getattr(results, file).read_text()
    written = results.with_tables(text, getattr(results, tables)())
    assert written == text, "make reference writes it anew"


def test_a_command_is_broken_between_flags_and_stays_the_same():
    command = DECLARED.rows["gap5-known-place"].command("gap5-known-place")
    lines = results._wrapped(command)
    assert all(len(line) <= 96 for line in lines)
    assert " ".join(line.removesuffix("\\").strip() for line in lines) == command

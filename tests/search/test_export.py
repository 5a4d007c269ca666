"""A search's trials as tables, beside what csv, pyarrow and MLflow make of the same search."""

import csv
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
from conftest import ROOT, FinishedSearch, run_here
from mlflow import MlflowClient
from test_first_version import unpacked
from trial_writing import new_record, write_trial

from search.api import SearchResult
from search.driver.lock import locked
from search.export import main
from search.records.search_file import SearchFile
from search.records.summary import Summary
from search.records.tables import CURVE_COLUMNS, TRIAL_COLUMNS
from search.trials.files import METRICS, TrialFiles
from search.trials.record import Status
from trainables.boundary.errors import UsageError

ODD = 'a,"b"\nc\r\n=1+1;\t€'


def new_search(folder: Path, identity: str = "gap5") -> Path:
    """A search that has no trial yet."""
    folder.mkdir()
    file = SearchFile("search.run", {}, {"space": identity} if identity else {})
    file.located(folder).write(folder)
    return folder


@pytest.fixture
def search(tmp_path) -> Path:
    """A search ``s`` of four trials, the last of which was running when its driver died."""
    folder = new_search(tmp_path / "s")
    write_trial(folder, "a", 0, [0.1, 0.5, 0.4])
    write_trial(folder, "b", 1, [0.2], Status.PRUNED, optimizer="adam", momentum=None)
    write_trial(folder, "c", 2, [], Status.FAILED, error=ODD, width=64)
    files, record = TrialFiles(folder), new_record("d", 3, clip=True, lr=1)
    files.started(record)
    files.reported(record, {"epoch": 1, "val_accuracy": 0.1, "val_loss": math.nan})
    files.reported(record, {"epoch": 2, "val_accuracy": 0.2, "val_loss": math.inf})
    return folder


def exported(folder: Path, suffix: str = "csv") -> tuple[Path, Path]:
    to = folder.parent / f"trials.{suffix}"
    status, printed = run_here(main, [folder.name, "--out", str(folder.parent), "--to", str(to)])
    assert status == 0, printed
    return to, to.with_name(f"trials-curves.{suffix}")


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_each_trial_has_a_row_in_its_order(search):
    rows = rows_of(exported(search)[0])
    assert [(row["trial"], row["trial_id"], row["label"]) for row in rows] == [
        ("0", "a", "baseline"), ("1", "b", "1"), ("2", "c", "2"), ("3", "d", "3"),
    ]  # fmt: skip


def test_the_figures_of_the_best_and_the_last_epoch_are_told(search):
    row = rows_of(exported(search)[0])[0]
    assert (row["epochs"], row["best_epoch"]) == ("3", "2")
    assert (row["best.val_accuracy"], row["last.val_accuracy"]) == ("0.5", "0.4")


def test_each_epoch_has_a_row_among_the_curves(search):
    rows = rows_of(exported(search)[1])
    assert [(row["trial"], row["epoch"], row["val_accuracy"]) for row in rows] == [
        ("0", "1", "0.1"), ("0", "2", "0.5"), ("0", "3", "0.4"),
        ("1", "1", "0.2"), ("3", "1", "0.1"), ("3", "2", "0.2"),
    ]  # fmt: skip


def test_a_trial_without_an_epoch_has_no_figures(search):
    row = rows_of(exported(search)[0])[2]
    assert (row["state"], row["epochs"], row["best_epoch"]) == ("failed", "0", "")
    assert (row["best.val_accuracy"], row["last.val_accuracy"]) == ("", "")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_text_comes_back_as_it_was_recorded(search, suffix):
    file = exported(search, suffix)[0]
    rows = rows_of(file) if suffix == "csv" else pyarrow.parquet.read_table(file).to_pylist()
    assert [row["error"] for row in rows[:3]] == [rows[0]["error"], rows[0]["error"], ODD]


def test_a_number_that_is_none_is_not_a_missing_one(search):
    losses = [row["val_loss"] for row in rows_of(exported(search)[1])]
    assert losses == ["", "", "", "", "nan", "inf"]
    (column,) = pyarrow.parquet.read_table(exported(search, "parquet")[1], columns=["val_loss"])
    assert [str(value) for value in column.to_pylist()] == ["None"] * 4 + ["nan", "inf"]


def test_a_setting_of_an_option_that_was_not_chosen_is_missing(search):
    rows = rows_of(exported(search)[0])
    assert [row["params.width"] for row in rows] == ["", "", "64", ""]


def test_whole_numbers_stay_whole_where_others_are_missing(search):
    table = pyarrow.parquet.read_table(exported(search, "parquet")[0])
    kinds = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert kinds["params.width"] == kinds["best_epoch"] == "int64"
    assert (kinds["params.lr"], kinds["params.clip"]) == ("double", "bool")
    assert kinds["started"] == "timestamp[us, tz=UTC]"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, 1, "x"], ["true", "1", "x"]),
        ([1, 2.5, 3], ["1.0", "2.5", "3.0"]),
        ([2**70, 1, 2], [str(2**70), "1", "2"]),
        (["\ud800", "-1", "=A1"], ["?", "-1", "=A1"]),
    ],
)
def test_a_setting_of_several_kinds_has_one_column(tmp_path, values, expected):
    search = new_search(tmp_path / "s")
    for number, value in enumerate(values):
        write_trial(search, str(number), number, [0.1], mode=value)
    assert [row["params.mode"] for row in rows_of(exported(search)[0])] == expected
    table = pyarrow.parquet.read_table(exported(search, "parquet")[0])
    assert [str(value) for value in table["params.mode"].to_pylist()] == expected


def test_a_trial_of_a_running_search_is_running(search):
    with locked(search):
        assert rows_of(exported(search)[0])[3]["state"] == "running"


def test_a_trial_whose_driver_died_is_interrupted(search):
    assert rows_of(exported(search)[0])[3]["state"] == "interrupted"


def test_a_search_without_a_trial_has_the_columns_alone(tmp_path):
    files = exported(new_search(tmp_path / "s"))
    for file, columns in zip(files, (TRIAL_COLUMNS, CURVE_COLUMNS), strict=True):
        assert file.read_text().splitlines() == [",".join(columns)]


def test_no_figure_takes_the_name_of_another_column():
    assert not METRICS.keys() & CURVE_COLUMNS.keys()
    assert not any("." in name for name in TRIAL_COLUMNS)


def frame_of(folder: Path) -> SearchResult:
    summary = Summary(folder.name, "x", "complete", 0, {}, 0, 0, 0.0, None, None, {}, {})
    return SearchResult(summary, (), "sqlite:///none.db", folder.parent, ())


def test_the_frames_hold_what_the_files_do(search):
    result, files = frame_of(search), exported(search, "parquet")
    for frame, file in zip((result.trials_frame(), result.curves_frame()), files, strict=True):
        table, read = pyarrow.Table.from_pandas(frame), pyarrow.parquet.read_table(file)
        assert table.schema.equals(read.schema)
        assert str(table.to_pylist()) == str(read.to_pylist())


def test_the_frame_of_a_search_that_was_removed_says_so(search):
    shutil.rmtree(search)
    with pytest.raises(UsageError, match="there is no search of this name"):
        frame_of(search).trials_frame()


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("trials.xlsx", "the name must end in .csv or .parquet"),
        ("trials", "the name must end in .csv or .parquet"),
        ("there.csv", "already exists"),
        ("half.csv", "half-curves.csv already exists"),
        ("there.csv/trials.csv", "cannot be written"),
        ("a\nb.csv", "not a path that can be used"),
        (f"{'x' * 250}.csv", "not a path that can be used"),  # one of the curves is too long
    ],
)
def test_a_file_that_cannot_be_made_is_refused(search, monkeypatch, to, reason):
    monkeypatch.chdir(search.parent)
    Path("there.csv").write_text("mine")
    Path("half-curves.csv").write_text("mine")
    before = sorted(Path().iterdir())
    status, printed = run_here(main, ["s", "--out", ".", "--to", to])
    assert (status, printed.count("\n")) == (2, 1)
    assert reason in printed
    assert sorted(Path().iterdir()) == before
    assert Path("there.csv").read_text() == "mine"


def test_a_search_may_be_named_by_its_path(search, monkeypatch):
    monkeypatch.chdir(search.parent.parent)
    out = search.parent.name
    asked = [f"{out}/s/", "--out", out, "--to", f"{out}/new.csv"]
    assert run_here(main, asked)[0] == 0
    assert (search.parent / "new.csv").is_file()


@pytest.mark.parametrize("name", ["nosuch", "..", "/etc", "s/../s", "folder"])
def test_a_search_that_is_none_is_refused(search, name):
    (search.parent / "folder").mkdir()
    to = search.parent / "new.csv"
    status, printed = run_here(main, [name, "--out", str(search.parent), "--to", str(to)])
    assert (status, printed.count("\n"), to.exists()) == (2, 1, False)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("status.json", "{"),
        ("status.json", "[]"),
        ("params.json", "{}"),
        ("result.json", '{"val_accuracy": 0.1}\n'),
        ("result.json", "[1]\n"),
    ],
)
def test_a_damaged_trial_is_named(search, file, text):
    (next(search.glob("trial-0000-*")) / file).write_text(text)
    to = search.parent / "new.csv"
    status, printed = run_here(main, ["s", "--out", str(search.parent), "--to", str(to)])
    assert (status, printed.count("\n"), to.exists()) == (2, 1, False)
    assert "is damaged" in printed


def test_a_line_that_was_cut_off_is_left_out(search):
    file = next(search.glob("trial-0000-*")) / "result.json"
    file.write_text(file.read_text()[:-9])
    assert rows_of(exported(search)[0])[0]["epochs"] == "2"


def test_the_rows_are_those_of_mlflow(finished: FinishedSearch, tmp_path):
    to = tmp_path / "trials.csv"
    flags = [finished.name, "--out", str(finished.out), "--to", str(to)]
    assert run_here(main, flags)[0] == 0
    client = MlflowClient(finished.uri)
    rows, curves = rows_of(to), rows_of(tmp_path / "trials-curves.csv")
    assert len(rows) == 6
    for row in rows:
        run = client.get_run(row["run_id"]).data
        assert run.params["trial"] == row["trial"]
        params = {key: run.params.get(key, "") for key in settings_of(row)}
        assert params == settings_of(row)
        assert run.tags["convoy.status"] == row["state"]
        assert run.metrics["best_val_accuracy"] == float(row["best.val_accuracy"])
        assert run.metrics["val_loss"] == float(row["last.val_loss"])
        assert (run.tags.get("convoy.winner") == "true") == (row["winner"] == "True")
        points = client.get_metric_history(row["run_id"], "val_accuracy")
        own = [each for each in curves if each["trial"] == row["trial"]]
        assert sorted((p.step, p.value) for p in points) == [
            (int(each["epoch"]), float(each["val_accuracy"])) for each in own
        ]


def settings_of(row: dict[str, str]) -> dict[str, str]:
    return {k.removeprefix("params."): v for k, v in row.items() if k.startswith("params.")}


def test_a_renamed_search_has_its_runs(finished: FinishedSearch, tmp_path):
    for name in (finished.name, "mlflow.db"):
        source, target = finished.out / name, tmp_path / name.replace(finished.name, "other")
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    row = rows_of(exported(tmp_path / "other")[0])[0]
    assert (row["search"], len(row["run_id"])) == ("other", 32)


def test_a_copy_in_the_same_store_has_not_the_runs_of_its_original(finished, tmp_path):
    for name in (finished.name, "mlflow.db"):
        source = finished.out / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    search = tmp_path / finished.name
    SearchFile(**file_of(search)).located(search).write(search)
    shutil.copytree(search, tmp_path / "copy")
    assert rows_of(exported(tmp_path / "copy")[0])[0]["run_id"] == ""


def file_of(folder: Path) -> dict:
    document = json.loads((folder / "search.json").read_text())
    return {"identity": document.pop("decides"), **document}


def test_the_finals_of_an_early_version_are_marked(tmp_path):
    rows = rows_of(exported(unpacked(tmp_path) / "whole")[0])
    assert [row["final"] for row in rows] == ["False"] * 5 + ["True"] * 4
    assert [row["repeats"] for row in rows] == [""] * 5 + ["0", "1", "0", "1"]
    assert all(len(row["run_id"]) == 32 for row in rows)


def test_a_leaderboard_is_exported_with_all_of_its_searches(search):
    out, group = search.parent, search.parent / "all"
    new_search(group, "")
    records = json.loads(((unpacked(out / "old") / "whole") / "records.json").read_text())
    records["place"]["group"] = "all"
    (search / "records.json").write_text(json.dumps(records))
    assert {row["search"] for row in rows_of(exported(group)[0])} == {"s"}


def test_an_export_does_not_wait_for_the_libraries_of_a_search(search):
    to = search.parent / "t.parquet"
    code = f"""
import sys
from search.export import main
status = main(["s", "--out", {str(search.parent)!r}, "--to", {str(to)!r}])
sys.exit(status or bool({{"ray", "mlflow", "optuna"}} & sys.modules.keys()))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", [*TRIAL_COLUMNS, *CURVE_COLUMNS, "params.", "best.", "last."])
def test_each_column_is_documented(name):
    assert f"`{name}" in (ROOT / "docs" / "export.md").read_text()

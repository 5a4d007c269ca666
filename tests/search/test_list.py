"""``python -m search.list`` and ``search.show``: what they tell of any folder of searches."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from conftest import ROOT, FinishedSearch

from search.driver.lock import locked
from search.driver.stop_request import request_stop
from search.list import main as list_searches
from search.records.search_file import SearchFile
from search.show import main as show

ENDED = {"requested": 4, "completed": 2, "pruned": 1, "failed": 0}
COLUMNS = ["name", "space", "state", "trials", "best", "conflicting", "age", "size"]


def made(out: Path, name: str, status: str | None = "complete", **summary) -> Path:
    """The folder of a search of gap5; without a status it has no summary."""
    flags, folder = {"space": ["gap5"], "name": name}, out / name
    scratch = SearchFile("search.run", flags, {"space": "gap5"})
    scratch.claim(out / "scratch", None)
    (out / "scratch").rename(folder)
    if status is not None:
        document = {"status": status, "space": "gap5", "trials": ENDED, "best": None, **summary}
        (folder / "summary.json").write_text(json.dumps(document))
    return folder


def listed(out: Path, capsys) -> dict[str, dict]:
    assert list_searches(["--out", str(out), "--json"]) == 0
    return {each["name"]: each for each in json.loads(capsys.readouterr().out)}


def refusal(capsys, main, *argv: str) -> str:
    assert main(list(argv)) == 2
    told = capsys.readouterr()
    assert not told.out
    assert told.err.count("\n") == 1
    return told.err


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("complete", "complete"),
        ("failed-trials", "failed-trials"),
        ("interrupted", "interrupted"),
        ("running", "interrupted"),  # its process was killed
        (None, "interrupted"),  # before it had written anything
        ("of a later version", "interrupted"),
    ],
)
def test_a_search_that_no_process_holds_stands_as_its_summary_says(tmp_path, capsys, status, state):
    made(tmp_path, "s", status)
    assert listed(tmp_path, capsys)["s"]["state"] == state


def test_a_search_that_a_process_holds_runs_until_it_is_asked_to_stop(tmp_path, capsys):
    folder = made(tmp_path, "s", "running")
    with locked(folder):
        assert listed(tmp_path, capsys)["s"]["state"] == "running"
        request_stop(folder)
        assert listed(tmp_path, capsys)["s"]["state"] == "stopping"
    assert listed(tmp_path, capsys)["s"]["state"] == "interrupted"


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "null", '{"trials": 3}', "\x00", "[" * 100_000, '{"best": []}']
)
def test_a_damaged_summary_is_named_and_hides_no_other_search(tmp_path, capsys, damage):
    made(tmp_path, "whole")
    (made(tmp_path, "broken") / "summary.json").write_text(damage)
    states = {name: each["state"] for name, each in listed(tmp_path, capsys).items()}
    assert states == {"whole": "complete", "broken": "damaged"}
    assert show(["broken", "--out", str(tmp_path)]) == 0
    assert "python -m search.run --resume broken" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["", "[]", '{"decides": 3, "command": "x", "flags": 4}'])
def test_a_damaged_search_file_is_named(tmp_path, capsys, damage):
    (made(tmp_path, "broken") / "search.json").write_text(damage)
    assert listed(tmp_path, capsys)["broken"]["state"] == "damaged"
    assert show(["broken", "--out", str(tmp_path)]) == 0


@pytest.mark.parametrize("figure", ["NaN", "Infinity", '"0.5"', "true", "1" + 400 * "0", "[]"])
def test_a_figure_that_is_none_is_left_out(tmp_path, capsys, figure):
    folder = made(tmp_path, "s", best={"val_accuracy": 0})
    text = (folder / "summary.json").read_text()
    (folder / "summary.json").write_text(
        text.replace('"val_accuracy": 0', f'"val_accuracy": {figure}')
    )
    assert listed(tmp_path, capsys)["s"]["best"] is None


def test_what_only_looks_like_a_search_is_not_listed(tmp_path, capsys):
    (tmp_path / "fake" / "trial-0000-abc").mkdir(parents=True)
    (tmp_path / "fake" / "summary.json").write_text('{"status": "complete", "trials": {}}')
    (tmp_path / "search.json").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert listed(tmp_path, capsys) == {}


def test_an_empty_folder_has_one_line_that_says_how_to_begin(tmp_path, capsys):
    assert list_searches(["--out", str(tmp_path)]) == 0
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert f"no searches in {tmp_path}; begin one: python -m search.run --space gap5" in line


@pytest.mark.parametrize("main", [list_searches, lambda argv: show(["s", *argv])])
def test_a_folder_that_is_not_there_is_refused(tmp_path, capsys, main):
    assert "absent" in refusal(capsys, main, "--out", str(tmp_path / "absent"))
    (tmp_path / "file").touch()
    assert "file" in refusal(capsys, main, "--out", str(tmp_path / "file"))


UNUSUAL = ["[bold]x", "-dash", "ümläut", "漢字", "a b", "%s", "a" * 200]


def test_a_name_is_printed_as_it_is(tmp_path, capsys):
    for name in UNUSUAL:
        made(tmp_path, name)
    assert set(listed(tmp_path, capsys)) == set(UNUSUAL)
    assert list_searches(["--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert all(f"{name}  " in printed for name in UNUSUAL)
    for name in UNUSUAL:
        assert show(["--out", str(tmp_path), "--", name]) == 0
        assert capsys.readouterr().out.startswith(f"{name}: complete")


def test_no_name_steers_the_terminal(tmp_path, capsys):
    made(tmp_path, "a\x1b[31mb\nc")
    list_searches(["--out", str(tmp_path)])
    show(["--out", str(tmp_path), "a\x1b[31mb\nc"])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("room", [120, 80, 60, 40, 25])
def test_every_line_fits_the_terminal_and_names_search_and_state(
    tmp_path, capsys, monkeypatch, room
):
    for name in ("gap5-20261121", "漢字"):
        made(tmp_path, name, best={"val_accuracy": 0.75, "val_accuracy_conflicting": 0.5})
    monkeypatch.setattr("search.commands.list._room", lambda: room)
    list_searches(["--out", str(tmp_path)])
    head, *lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= room
    assert [name for name in COLUMNS if name in head.split()] == head.split()
    assert all(each in line for each in ("complete",) for line in lines)


def test_in_a_pipe_there_is_every_column(tmp_path, capsys):
    made(tmp_path, "s", best={"val_accuracy": 0.75, "val_accuracy_conflicting": 0.5})
    list_searches(["--out", str(tmp_path)])
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == COLUMNS
    assert line.split()[:6] == ["s", "gap5", "complete", "3/4", "75.0%", "50.0%"]


def test_the_figure_is_that_of_the_metric_by_which_the_search_judged(tmp_path, capsys):
    made(tmp_path, "s", metric="auroc", best={"val_accuracy": 0.5, "val_auroc": 0.9})
    found = listed(tmp_path, capsys)["s"]
    assert (found["metric"], found["best"]) == ("auroc", 0.9)
    list_searches(["--out", str(tmp_path)])
    assert " auroc 90.0% " in capsys.readouterr().out


def test_show_tells_the_metric_its_finalists_and_the_limit_that_ended_the_search(tmp_path, capsys):
    figures = {"val_auroc_mean": 0.875, "val_auroc_std": 0.03, "seeds": 2}
    finalist = {"trial": "3", "search_auroc": 0.9, "val_auroc_interval": [0.5, 1.0], **figures}
    best = {"val_accuracy": 0.5, "val_auroc": 0.9, "epoch": 7, **figures}
    made(tmp_path, "s", metric="auroc", best=best, finalists=[finalist], ended_by="--patience 20")
    assert show(["s", "--out", str(tmp_path)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "best 90.00% AUROC in epoch 7" in lines
    assert "expect 87.50 ± 3.00% over 2 fresh seeds" in lines
    assert "3 90.00 87.50 3.00 50.00 to 100.00 2" in lines
    assert [line for line in lines if "--patience" in line] == ["ended by --patience 20"]


def test_a_leaderboard_stands_as_its_searches_do(tmp_path, capsys):
    flags = {"space": ["gap5", "nin"], "name": "both"}
    SearchFile("search.run", flags, {}).claim(tmp_path / "both", None)
    for space, status in (("gap5", "complete"), ("nin", "running")):
        folder = tmp_path / f"both-{space}"
        SearchFile("search.run", flags, {"space": space}).claim(folder, None)
        (folder / "summary.json").write_text(json.dumps({"status": status, "trials": ENDED}))
    made(tmp_path, "both-alone", "failed-trials")
    found = listed(tmp_path, capsys)["both"]
    assert (found["kind"], found["state"]) == ("leaderboard", "interrupted")
    assert found["trials"] == {"done": 6, "requested": 8}
    with locked(tmp_path / "both-nin"):
        assert listed(tmp_path, capsys)["both"]["state"] == "running"


def test_a_finished_search_is_listed_with_what_its_summary_and_its_disk_say(
    finished: FinishedSearch, capsys
):
    found, best = listed(finished.out, capsys)[finished.name], finished.summary["best"]
    assert found["trials"] == {"done": 6, "requested": 6}
    assert found["best"] == best["val_accuracy"]
    assert found["conflicting"] == best["val_accuracy_conflicting"]
    folders = (finished.out / finished.name, finished.out / "artifacts")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert found["size_bytes"] == sum(path.stat().st_size for path in files)


def test_show_fits_a_screen_and_has_the_commands_that_the_search_printed(
    finished: FinishedSearch, capsys
):
    assert show([finished.name, "--out", str(finished.out)]) == 0
    printed = capsys.readouterr().out
    lines = finished.printed.splitlines()
    for key in ("compare ", "analyse ", "settings   optimizer"):
        assert next(line for line in reversed(lines) if line.startswith(key)) in printed
    assert sum(1 + len(line) // 80 for line in printed.splitlines()) <= 24


def test_searches_of_the_first_version_are_listed(tmp_path, capsys):
    with tarfile.open(Path(__file__).parents[1] / "records" / "first_version.tar.xz") as file:
        file.extractall(tmp_path, filter="data")
    found = listed(tmp_path / "runs", capsys)
    states = {name: (each["state"], each["trials"]["done"]) for name, each in found.items()}
    assert states == {
        "whole": ("complete", 5),
        "early": ("interrupted", 2),
        "finals": ("interrupted", 5),
    }


@pytest.mark.parametrize("asked", ["..", ".", "", "/etc", "s/..", "../s", "absent", "s" * 300])
def test_show_refuses_what_is_no_search_of_the_folder(tmp_path, capsys, asked):
    made(tmp_path / "runs", "s")
    made(tmp_path, "s")
    assert refusal(capsys, show, asked, "--out", str(tmp_path / "runs"))


def test_a_search_may_be_named_by_its_path(tmp_path, capsys, monkeypatch):
    made(tmp_path / "runs", "s")
    monkeypatch.chdir(tmp_path)
    for asked in ("s", "s/", "runs/s", "runs/s/", str(tmp_path / "runs" / "s")):
        assert show([asked]) == 0


def test_a_name_with_a_slip_is_corrected(tmp_path, capsys):
    made(tmp_path, "first")
    assert "did you mean first?" in refusal(capsys, show, "frist", "--out", str(tmp_path))


def test_they_import_nothing_large(tmp_path):
    made(tmp_path, "s")
    code = (
        "import sys, search.list, search.show, search.stop\n"
        "out = ['--out', sys.argv[1]]\n"
        "named = ['s', *out]\n"
        "print(search.list.main(out), search.show.main(named), search.stop.main(named))\n"
        "print({'torch', 'ray', 'optuna', 'mlflow'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-2:] == ["0 0 2", "set()"]

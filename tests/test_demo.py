"""The newcomer's command: its two steps, and what it says of where the results lie."""

from pathlib import Path

import pytest
from conftest import run_here

from convoy import demo
from convoy.doors import Door


@pytest.fixture
def steps(monkeypatch, tmp_path):
    """The steps' commands; a function that has them end with some status."""
    monkeypatch.chdir(tmp_path)
    called, statuses = [], {}

    def main(door: Door, argv: list[str]) -> int:
        called.append((door.module, *argv))
        if door.module == "search.run" and statuses.get("search.run", 0) in (0, 3):
            folder = Path("runs", argv[-1])
            folder.mkdir(parents=True)
            (folder / "summary.json").touch()
        return statuses.get(door.module, 0)

    monkeypatch.setattr(Door, "main", main)
    return called, statuses


def test_it_searches_and_analyses_that_search(steps):
    called, _ = steps
    status, printed = run_here(demo.main, [])
    search, analysis = called
    assert status == 0
    assert search[:-1] == ("search.run", "--space", "gap5", "--data", "embedded", "--name")
    assert analysis == ("analysis.run", "--search", search[-1])
    assert str(Path("runs", search[-1]).resolve()) in printed
    assert "report.html" in printed


@pytest.mark.parametrize(
    ("searched", "analysed", "status", "ran"),
    [(2, 0, 2, 1), (143, 0, 143, 1), (3, 0, 3, 2), (0, 3, 3, 2), (0, 2, 2, 2)],
)
def test_its_status_is_that_of_the_step_that_failed(steps, searched, analysed, status, ran):
    called, statuses = steps
    statuses |= {"search.run": searched, "analysis.run": analysed}
    assert run_here(demo.main, [])[0] == status
    assert len(called) == ran


@pytest.mark.parametrize(
    ("engine", "mounted", "said"),
    [
        ("", False, "runs\n"),
        ("podman", True, "a volume\n"),
        ("docker", True, "a volume\n"),
        ("podman", False, "podman cp 0123456789ab:"),
        ("docker", False, "docker cp 0123456789ab:"),
    ],
)
def test_it_says_before_it_begins_how_long_the_results_will_be_there(
    steps, monkeypatch, tmp_path, engine, mounted, said
):
    mark = tmp_path / "mark"
    if engine == "docker":
        mark.touch()
    monkeypatch.setenv("container", "podman" if engine == "podman" else "")
    monkeypatch.setattr(demo, "_DOCKERS_MARK", mark)
    monkeypatch.setattr("socket.gethostname", lambda: "0123456789ab")
    monkeypatch.setattr("os.path.ismount", lambda path: mounted and Path(path).name == "runs")
    printed = run_here(demo.main, [])[1]
    assert said in printed.split("step 1")[0]


def test_a_flag_that_it_has_not_is_refused():
    assert run_here(demo.main, ["--trials", "2"])[0] == 2

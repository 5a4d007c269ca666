"""Whatever is written behind a flag: a request, or one line that names what is wrong.

The flags are read and checked as by the commands; no search starts.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis import ablation as figure
from analysis.run import main as analyse
from search import environment
from search.request.ablation import ablation
from search.request.parser import ablation_options, search_options
from search.request.planning import requests
from search.run import main as search
from trainables.boundary.errors import UsageError

ANY_FLAG = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NUMBERS = ["0", "-1", "1", "2", "1e3", "1.5", "nan", "inf", "-inf", "1e400", "9" * 5000, "1_000"]
WORDS = ["", "true", "null", "\udcff", "é", "a\nb", "\x1b[31m", "a b", "'", "[/a]", "$x", "=", "%s"]
PATHS = ["..", "../x", "/", "~nobody", "x" * 300, "/dev/null", "/dev/zero", "a.yaml", "embedded"]
PLACES = ["http://[", "http://", "http://:", "http://h:x", "sqlite:///", "file:///x", "h:0", "..:5"]
VALUES = st.sampled_from([*NUMBERS, *WORDS, *PATHS, *PLACES]) | st.text(max_size=8)
KEYS = ["lr", "optimizer", "batch_size", "dropout", "pool_stride", "flip", "t_max", "x", "\udcff"]
NUMERIC = ["epochs", "seed", "train-limit", "val-limit", "cpus-per-trial", "gpus-per-trial", "pack"]
FLAGS = [
    *NUMERIC,
    "concurrency",
    "time",
    "patience",
    "data",
    "address",
    "out",
    "name",
    "tracking-uri",
    "space",
]
GIVEN = st.tuples(st.sampled_from([f"--{flag}" for flag in FLAGS]), VALUES) | st.tuples(
    st.just("--set"), st.builds("{}={}".format, st.sampled_from(KEYS), VALUES)
)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder to work in, which stays empty."""
    environment.prepare(loopback=True)
    monkeypatch.delenv("CONVOY_DATA", raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    yield tmp_path / "work"
    assert list((tmp_path / "work").iterdir()) == []


def accepted(check, flags: list[str]) -> None:
    try:
        check(flags)
    except UsageError as error:
        assert str(error)
        assert str(error).isprintable()


def plan(flags: list[str]) -> None:
    requests(search_options(flags))


def plan_ablation(flags: list[str]) -> None:
    ablation(ablation_options(flags))


@ANY_FLAG
@given(given=st.lists(GIVEN, min_size=1, max_size=2), trials=st.none() | VALUES)
def test_any_flags_of_a_search_are_a_request_or_refused(given, trials):
    flags = ["--space", "gap5", "--data", "embedded", *(word for pair in given for word in pair)]
    accepted(plan, [*flags, *(["--trials", trials] if trials is not None else [])])


@ANY_FLAG
@given(given=st.lists(GIVEN, min_size=1, max_size=2), toggle=VALUES, seeds=st.none() | VALUES)
def test_any_flags_of_an_ablation_are_a_request_or_refused(given, toggle, seeds):
    flags = ["--space", "nin", "--data", "embedded", "--toggle", "dropout", "--toggle", toggle]
    flags += [word for pair in given for word in pair]
    accepted(plan_ablation, [*flags, *(["--seeds", seeds] if seeds is not None else [])])


@ANY_FLAG
@given(
    flag=st.sampled_from(["--search", "--run", "--space", "--only", "--split", "--tracking-uri"]),
    value=VALUES,
)
def test_any_flags_of_an_analysis_without_records_are_refused(flag, value, capsys):
    assert analyse(["--data", "embedded", flag, value]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("file", ["/dev/zero", "/", "", "nowhere.json", "\udcff", "x" * 300])
def test_a_figure_of_what_is_no_file_is_refused(file, capsys):
    assert figure.main([file]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("text", ["[" * 100_000, '{"variants": [[]]}', "\x00"])
def test_a_figure_of_a_file_that_says_something_else_is_refused(tmp_path, text, capsys):
    (tmp_path / "other.json").write_text(text)
    assert figure.main([str(tmp_path / "other.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "other.png").exists()


def test_a_command_line_that_is_refused_exits_2_with_a_line_that_a_terminal_can_show(capsys):
    assert search(["--space", "\x1b[31m\udcff"]) == 2
    error = capsys.readouterr().err
    assert "\\x1b" in error
    assert error.count("\n") == 1

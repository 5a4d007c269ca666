"""Data of one's own with a shortcut of its own, through the commands that a user types."""

import json
from pathlib import Path

import pytest
from conftest import run_here
from corners import draw_corners

from analysis.run import main as analyse
from search.space.reader import SPACES, read_space
from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load
from trainables.data.shortcut import Shortcut

SHORTCUT = """
shortcut:
  csv: corners.csv
  column: corner
  agrees: {colour0: circle, colour1: crescent, colour2: cross}
  region: [22, 22, 32, 32]
"""


def space_with(shortcut: str, folder) -> str:
    file = folder / "corners.yaml"
    file.write_text((SPACES / "gap5.yaml").read_text() + shortcut)
    return str(file)


@pytest.fixture(scope="module")
def searched(small_search, tmp_path_factory):
    """Two trials of two epochs on three classes whose corner says the class in training."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "pictures").mkdir()
    draw_corners(folder / "pictures", 3, 40)
    flags = ["--data", str(folder / "pictures"), "--trials", "2", "--epochs", "2"]
    flags += ["--train-limit", "120", "--val-limit", "60", "--concurrency", "1"]
    space = space_with(SHORTCUT, folder)
    return small_search(folder / "runs", "corners", *flags, space=space)


def test_the_records_have_accuracy_where_the_shortcut_agrees_and_where_it_conflicts(searched):
    assert searched.status == 0, searched.printed
    for history in searched.histories():
        for epoch in history:
            whole = epoch["val_accuracy"]
            parts = epoch["val_accuracy_aligned"], epoch["val_accuracy_conflicting"]
            assert min(parts) <= whole <= max(parts)
            assert 0 <= epoch["digit_following"] <= 1


def test_the_result_speaks_of_the_shortcut(searched):
    assert "where the corner" in searched.printed
    assert "digit" not in searched.printed.replace("digit_following", "")


def test_the_winner_is_audited_by_what_the_space_says_of_the_shortcut(searched):
    flags = ["--search", "corners", "--tracking-uri", searched.uri, "--only", "audit", "composite"]
    status, printed = run_here(analyse, [*flags, "--out", str(searched.out / "told")])
    assert status == 0, printed
    figures = searched.out / "told" / "figures"
    told = json.loads((figures / "audit.json").read_text())
    assert told["shortcut"]["region"] == [22, 22, 32, 32]
    assert len(told["cells"]) == 6
    assert all(told["metrics"][name]["value"] is not None for name in ("aligned", "flips", "mass"))
    shares = json.loads((figures / "composite.json").read_text())["aligned_share"]
    assert shares["train"] > 0.75 > 0.5 > shares["val"]


def test_a_bound_that_no_image_measures_is_named_at_the_start_and_at_the_end(
    small_search, tmp_path
):
    (tmp_path / "pictures").mkdir()
    draw_corners(tmp_path / "pictures", 3, 8, biased_val=True)
    flags = ["--data", str(tmp_path / "pictures"), "--trials", "1", "--epochs", "1"]
    flags += ["--train-limit", "24", "--val-limit", "12", "--concurrency", "1"]
    found = small_search(
        tmp_path / "runs", "agreeing", *flags, space=space_with(SHORTCUT, tmp_path)
    )
    start, _, end = found.printed.partition("trial baseline started")
    line = "unmeasured digit_following at most 0.08: no validation image conflicts\n"
    assert found.status == 0, found.printed
    assert line in start and line in end
    assert f"unmeasured {found.summary['unmeasured'][0]}\n" == line


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("shortcut: corners.csv", "shortcut must be a mapping"),
        ("shortcut: {csv: a.csv}", "shortcut: give csv and column, or callable"),
        ("shortcut: {column: a}", "shortcut: give csv and column, or callable"),
        ("shortcut: {csv: a, column: b, colour: c}", "shortcut.colour: unknown key"),
        ("shortcut: {csv: [1], column: b}", "shortcut.csv must be of type str, not a list"),
        ("shortcut: {csv: a, column: b, agrees: c}", "shortcut.agrees must be a mapping"),
        (
            "shortcut: {csv: a, column: b, region: [1, 2]}",
            "must be four whole numbers",
        ),
        ("shortcut: {csv: a, column: b, region: [5, 5, 5, 9]}", "is empty; write"),
    ],
)
def test_a_shortcut_that_is_written_wrong_is_one_clear_line(tmp_path, written, message):
    with pytest.raises(UsageError, match=message.replace("[", r"\[")):
        read_space(Path(space_with(f"\n{written}\n", tmp_path)))


def colour_of(path: str) -> str | None:
    """The callable of the tests below: what the first letter of the class says."""
    return {"ci": "circle", "cr": "cross"}.get(Path(path).parent.name[:2])


def wrong(path: str) -> float:
    return 0.5


def failing(path: str) -> str:
    raise KeyError(path)


@pytest.fixture
def pictures(tmp_path):
    (tmp_path / "pictures").mkdir()
    draw_corners(tmp_path / "pictures", 3, 4)
    return tmp_path / "pictures"


def called(name: str, pictures):
    """The set of a space whose shortcut is the callable ``name``."""
    text = f"\nshortcut: {{callable: '{name}'}}\n"
    space = read_space(Path(space_with(text, pictures.parent)))
    return load(space.data_on(str(pictures)), str(pictures))


def test_a_callable_gives_each_images_value(pictures):
    data = called(f"{__name__}:colour_of", pictures)
    names = [data.classes[digit] for digit in data.train.digits]
    assert set(zip((data.classes[label] for label in data.train.labels), names, strict=True)) == {
        ("circle", "circle"),
        ("crescent", "cross"),
        ("cross", "cross"),
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (f"{__name__}:wrong", "returned 0.5 for train/circle/0.png"),
        (f"{__name__}:failing", "failed on train/circle/0.png"),
        (f"{__name__}:absent", "cannot be imported"),
        ("no_such_module:f", "cannot be imported"),
        (f"{__name__}:SHORTCUT", "is not a function"),
        ("module_alone", "must be MODULE:FUNCTION"),
    ],
)
def test_a_callable_that_cannot_be_used_is_one_clear_line(pictures, name, message):
    with pytest.raises(UsageError, match=message):
        called(name, pictures)


def test_a_callable_that_a_record_names_is_not_run(pictures):
    spec = DataSpec(shortcut=Shortcut(callable=f"{__name__}:failing"))
    with pytest.raises(UsageError, match="is run only by searches of its space"):
        load(spec, str(pictures))


def test_the_shortcut_is_of_folders_alone(pictures):
    space = read_space(Path(space_with(SHORTCUT, pictures.parent)))
    assert space.data_on("embedded").shortcut is None
    assert space.data_on(str(pictures)).shortcut == space.shortcut

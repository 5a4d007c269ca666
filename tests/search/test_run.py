"""Bad input: one clear line on stderr, exit 2, nothing written."""

import re
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from search.run import main
from search.space.reader import SPACES
from trainables.data import DataSpec, load
from trainables.data.export import export


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty working folder, with nothing in the environment that names data."""
    monkeypatch.delenv("CONVOY_DATA", raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def refused(capsys, work, *arguments: str) -> str:
    """The line that the arguments are refused with."""
    status = main(["--out", str(work / "runs"), *arguments])
    printed = capsys.readouterr()
    assert status == 2
    assert re.fullmatch(BEGUN, printed.out)
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert list(work.iterdir()) == []
    return printed.err


BASE = ["--space", "gap5", "--data", "embedded"]
BEGUN = r"(\w+: reading the data, starting Ray\n)?"  # said before the space is read
FLAGS = [
    (["--trials", "many"], "argument --trials: invalid int value"),
    (["--colour", "red"], "--colour is not an option"),
    (["--trials", "0"], "--trials must be 1 or more"),
    (["--epochs", "-1"], "--epochs must be 1 or more"),
    (["--seed", "-1"], "--seed must be 0 or more"),
    (["--concurrency", "0"], "--concurrency must be 1 or more"),
    (["--cpus-per-trial", "0"], "--cpus-per-trial must be 1 or more"),
    (["--gpus-per-trial", "nan"], "--gpus-per-trial must be 0 or more"),
    (["--gpus-per-trial", "1.5"], "--gpus-per-trial above 1 must be a whole number"),
    (["--train-limit", "0"], "--train-limit must be 1 or more"),
    (["--train-limit", "4501"], "--train-limit must be between 1 and 4500"),
    (["--seed", "4294967296"], "--seed must be below 2147483648"),
    (["--data", "~nosuchuser/x"], "--data ~nosuchuser/x: not a path"),
    (["--data", "x" * 300], "not a path that can be used"),
    (["--out", "x" * 300], "not a path that can be used"),
    (["--space", "x" * 300 + ".yaml"], "not a path that can be used"),
    (["--out", "/proc/runs"], "/proc"),
    (["--tracking-uri", "sqlite:///"], "must begin with sqlite:///"),
    (["--tracking-uri", "sqlite:////etc/passwd"], "is not an SQLite database"),
    (["--val-limit", "1001"], "--val-limit must be between 1 and 1000"),
    (["--set", "colour=1"], "the space has no key colour"),
    (["--set", "lr"], "write KEY=VALUE"),
    (["--set", "lr=0"], "lr must be above 0"),
    (["--set", "lr=fast"], "lr must be of type float"),
    (["--set", "lr=nan"], "lr must be a finite number, not nan"),
    (["--set", "optimizer=adamx"], "optimizer must be one of"),
    (["--set", "batch_size=0"], "batch_size must be at least 1"),
    (["--set", "batch_size=1.5"], "batch_size must be of type int"),
    (["--set", "pool_stride=3"], "pool_stride must be at least 1 and at most 2"),
    (["--set", "dropout=1"], "dropout must be in [0, 1)"),
    (["--name", "../up"], "no path separators"),
    (["--name", "a/b"], "no path separators"),
    (["--name", ".."], "no path separators"),
    (["--name", "a..b"], "no '..'"),
    (["--name", ""], "--name ''"),
    (["--name", "mlflow.db"], "is reserved for MLflow"),
    (["--tracking-uri", "nowhere"], "must begin with sqlite:///"),
    (["--tracking-uri", "http://127.0.0.1:9"], "no tracking server answers"),
    (["--data", "/no/such/folder"], "does not exist"),
    (["--address", "127.0.0.1:9"], "no Ray cluster answers"),
    (["--address", "nowhere"], "write auto or HOST:PORT"),
]


@pytest.mark.parametrize(("arguments", "message"), FLAGS, ids=[" ".join(a) for a, _ in FLAGS])
def test_a_wrong_flag_is_refused_in_one_line(capsys, place, arguments, message):
    assert message in refused(capsys, place, *BASE, *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "--space is missing"), (["--space", "gap55"], "space 'gap55' does not exist")],
)
def test_a_wrong_space_is_refused_in_one_line(capsys, place, arguments, message):
    assert message in refused(capsys, place, *arguments)


def test_a_broken_space_file_is_refused_in_one_line(capsys, place, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text((SPACES / "gap5.yaml").read_text().replace("dropout: 0.0", "droput: 0.0"))
    line = refused(capsys, place, "--space", str(path), "--data", "embedded")
    assert f"{path}: baseline: droput" in line


def test_a_folder_without_data_is_refused_with_the_files_it_wants(capsys, place, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    line = refused(capsys, place, "--space", "gap5", "--data", str(empty))
    assert "data_batch_1" in line
    assert "--data embedded" in line
    assert list(empty.iterdir()) == []


@pytest.fixture
def course_folder(tmp_path):
    export(load(DataSpec(), "embedded").truncated(40), tmp_path / "course")
    (tmp_path / "course" / "labels.csv").unlink()
    return tmp_path / "course"


def test_a_folder_that_lacks_a_class_is_refused(capsys, place, course_folder):
    shutil.rmtree(course_folder / "val" / "star")
    line = refused(capsys, place, "--space", "gap5", "--data", str(course_folder))
    assert "lacks the class folder 'star'" in line


def test_an_image_that_does_not_decode_is_refused_by_its_path(capsys, place, course_folder):
    path = next((course_folder / "train" / "ring").iterdir())
    path.write_bytes(b"GIF89a but not really")
    line = refused(capsys, place, "--space", "gap5", "--data", str(course_folder))
    assert f"{path} does not decode" in line


def test_images_too_small_for_the_network_are_refused_with_the_layer(capsys, place, course_folder):
    for path in course_folder.rglob("*.png"):
        Image.open(path).resize((6, 6)).save(path)
    arguments = ["--space", "gap5", "--data", str(course_folder), "--set", "pool_stride=2"]
    assert "gap5: pool3 gets 1x1 pixels" in refused(capsys, place, *arguments)


def test_a_choice_that_the_space_lacks_is_refused(capsys, place, tmp_path):
    text = (SPACES / "gap5.yaml").read_text()
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace("    constant:\n", ""))
    arguments = ["--space", str(path), "--data", "embedded", "--set", "schedule=constant"]
    assert "must be one of the space's cosine, one_cycle" in refused(capsys, place, *arguments)


def test_a_name_that_exists_is_refused_and_left_alone(capsys, place):
    (place / "runs" / "mine").mkdir(parents=True)
    (place / "runs" / "mine" / "note.txt").write_text("keep")
    assert main([*BASE, "--out", str(place / "runs"), "--name", "mine"]) == 2
    assert "mine exists" in capsys.readouterr().err
    assert [p.name for p in (place / "runs").rglob("*.*")] == ["note.txt"]


def test_an_out_that_is_a_file_is_refused(capsys, place):
    (place / "file").write_text("")
    assert main([*BASE, "--out", str(place / "file")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_more_cpus_than_there_are_are_refused(one_ray, capsys, place):
    line = refused(capsys, place, *BASE, "--cpus-per-trial", "4096")
    assert line.startswith("error: --cpus-per-trial 4096: there are ")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(["lr", "optimizer", "flip", "x", ""]), value=st.text(max_size=12))
def test_whatever_is_set_is_refused_clearly_or_a_value_of_the_space(place, capsys, key, value):
    from search.request.flags import assignments
    from search.space.reader import read_space
    from trainables.boundary.errors import UsageError

    try:
        read_space(SPACES / "gap5.yaml").fixed_on("data", assignments([f"{key}={value}"]))
    except UsageError as error:
        assert "\n" not in str(error)


def test_the_list_shows_every_space_with_data_source_and_baseline(capsys):
    assert main(["--list"]) == 0
    text = capsys.readouterr().out
    for word in ("gap5", "conv3", "composite", "cifar10", "001_851a82de433892fa.txt", "optimizer="):
        assert word in text


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "python -m search.run --space gap5 --data embedded" in capsys.readouterr().out

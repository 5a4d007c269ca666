"""Going on with a search: which flags it has, and when it is refused."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from search.reconcile import main as reconcile
from search.records.search_file import SearchFile
from search.request.options import SearchOptions
from search.request.parser import search_options
from search.request.resume import resumed
from search.run import main
from search.space.reader import read_space, space_file
from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load
from trainables.data.export import export

FLAGS = {"space": ["gap5"], "seed": 3, "set": ["lr=0.1"], "data": "embedded", "name": "s"}


@pytest.fixture
def out(tmp_path):
    """A folder with a search of ``FLAGS``."""
    SearchFile("search.run", FLAGS, {}, "id").claim(tmp_path / "s", None)
    return tmp_path


def flags_of(*argv: str) -> SearchOptions:
    return resumed(search_options(argv))


def test_its_flags_are_those_with_which_it_began(out):
    flags = flags_of("--resume", "s", "--out", str(out))
    assert flags.model_dump(include=set(FLAGS)) == {**FLAGS, "space": ("gap5",), "set": ("lr=0.1",)}
    assert flags.trials is None


def test_flags_that_are_given_again_stand(out):
    flags = flags_of("--resume", "s", "--out", str(out), "--quiet", "--seed", "4", "--set", "a=b")
    assert (flags.quiet, flags.seed, flags.set) == (True, 4, ("a=b",))
    assert flags.space == ("gap5",)


def test_a_space_file_that_is_gone_is_read_from_the_searchs_own_copy(tmp_path):
    own = tmp_path / "mine.yaml"
    shutil.copyfile(space_file("gap5"), own)
    flags = {**FLAGS, "space": [str(own), "nin"]}
    SearchFile("search.run", flags, {}, "id").claim(tmp_path / "s", None)
    SearchFile("search.run", flags, {}, "id").claim(tmp_path / "s-mine", own)
    own.unlink()
    mine, nin = flags_of("--resume", "s", "--out", str(tmp_path)).space
    assert (Path(mine).stem, nin) == ("mine", "nin")
    assert read_space(Path(mine)) == read_space(space_file("gap5"))


def test_a_space_file_that_is_there_is_read_itself(tmp_path):
    own = tmp_path / "mine.yaml"
    shutil.copyfile(space_file("gap5"), own)
    SearchFile("search.run", {**FLAGS, "space": [str(own)]}, {}, "id").claim(tmp_path / "s", own)
    assert flags_of("--resume", "s", "--out", str(tmp_path)).space == (str(own),)


@pytest.mark.parametrize("name", ["../s", "a/b", "/tmp"])
def test_a_path_that_is_not_in_the_folder_of_searches_is_refused(out, name):
    with pytest.raises(UsageError, match="its folder is not in --out"):
        flags_of("--resume", name, "--out", str(out))


def test_a_search_that_another_command_began_is_refused(tmp_path):
    SearchFile("search.ablate", FLAGS, {}, "id").claim(tmp_path / "s", None)
    with pytest.raises(UsageError, match=r"began with python -m search\.ablate"):
        flags_of("--resume", "s", "--out", str(tmp_path))


def test_a_search_that_is_not_there_is_refused_in_one_line(tmp_path, capsys):
    assert main(["--resume", "none", "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: --resume none: there is no search in ")
    assert told.count("\n") == 1


def test_a_whole_search_says_so_and_exits_0(finished, capsys):
    assert main(["--resume", "small", "--out", str(finished.out)]) == 0
    assert "the search is complete" in capsys.readouterr().out


@pytest.fixture
def interrupted(finished, tmp_path):
    """The small search again, as if it had been interrupted, of a space file of its own."""
    folder = tmp_path / "small"
    shutil.copytree(finished.out / "small", folder)
    space = tmp_path / "gap5.yaml"
    shutil.copyfile(ROOT / "configs" / "spaces" / "gap5.yaml", space)
    written = json.loads((folder / "search.json").read_text())
    written["flags"]["space"] = [str(space)]
    (folder / "search.json").write_text(json.dumps(written))
    return tmp_path, space


def refused(capsys, out, *flags: str) -> str:
    assert main(["--resume", "small", "--out", str(out), *flags]) == 2
    return capsys.readouterr().err


def test_a_space_that_has_changed_is_refused_with_the_difference(interrupted, capsys):
    out, file = interrupted
    space = yaml.safe_load(file.read_text())
    space["search"]["lr"]["high"] = 0.5
    file.write_text(yaml.safe_dump(space, sort_keys=False))
    assert "settings.search.lr.high was 0.03, is 0.5" in refused(capsys, out)


def test_other_data_are_refused_with_the_difference(interrupted, capsys):
    other = interrupted[0] / "images"
    export(load(DataSpec(seed=5), "embedded").truncated(700), other)
    assert "data.fingerprint was " in refused(capsys, interrupted[0], "--data", str(other))


def test_fewer_images_are_refused_with_the_difference(interrupted, capsys):
    told = refused(capsys, interrupted[0], "--train-limit", "500")
    assert "images.train was 600, is 500" in told


def test_another_seed_is_refused_with_the_difference(interrupted, capsys):
    assert "seed was 1, is 2" in refused(capsys, interrupted[0], "--seed", "2")


def test_a_search_goes_on_where_its_records_end(finished, small_search, tmp_path):
    """The last two trials are taken away, and half of the third last."""
    shutil.copytree(finished.out / "small", tmp_path / "small")
    folder = tmp_path / "small"
    (folder / "summary.json").unlink()
    *_, half, fifth, last = sorted(folder.glob("trial-*"))
    shutil.rmtree(fifth)
    shutil.rmtree(last)
    lines = (half / "result.json").read_text().splitlines(keepends=True)
    (half / "result.json").write_text("".join(lines[:1]) + lines[1][:20])
    status = json.loads((half / "status.json").read_text())
    (half / "status.json").write_text(json.dumps({**status, "status": "running"}))
    again = small_search(tmp_path, "small", resume=True)
    assert again.status == 0, again.printed
    assert again.configs() == [{**c, "label": c["label"]} for c in finished.configs()]
    told = [[(e["epoch"], e["val_accuracy"]) for e in h] for h in again.histories()]
    assert told == [[(e["epoch"], e["val_accuracy"]) for e in h] for h in finished.histories()]
    assert again.summary["best"]["val_accuracy"] == finished.summary["best"]["val_accuracy"]


def test_records_are_made_anew_from_the_folder_alone(finished, tmp_path, capsys):
    shutil.copytree(finished.out / "small", tmp_path / "small")
    uri = f"sqlite:///{tmp_path}/other.db"
    assert reconcile(["small", "--out", str(tmp_path), "--tracking-uri", uri]) == 0
    assert "small: 6 trials in MLflow" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["none", "../small", ""])
def test_records_of_a_search_that_is_not_there_are_refused(tmp_path, capsys, name):
    assert reconcile([name, "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {name}: there is no search")

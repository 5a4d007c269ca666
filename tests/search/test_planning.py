"""From flags to requests: several spaces, one budget, and values that reach whom they concern."""

import shutil
from dataclasses import replace

import pytest
from PIL import Image

from search.records.search_file import SearchFile
from search.request.parser import search_options
from search.request.planning import requests
from search.run import main
from search.space.reader import SPACES, available
from trainables.data import load


def asked(tmp_path, *flags: str):
    flags = ("--data", "embedded", "--out", str(tmp_path / "runs"), *flags)
    return requests(search_options(flags))


def fixed(request) -> dict:
    return request.proposals.fixed


def test_all_is_every_space_with_a_search_of_its_own_and_one_budget(tmp_path):
    found = asked(tmp_path, "--space", "all", "--name", "x", "--trials", "5", "--epochs", "6")
    assert [request.space_name for request in found] == available()
    assert [request.name for request in found] == [f"x-{name}" for name in available()]
    assert {(r.budget.trials, r.budget.epochs, r.budget.grace_epochs) for r in found} == {(5, 6, 3)}
    assert {request.group for request in found} == {"x"}
    assert {request.architecture for request in found} == set(available())
    assert not (tmp_path / "runs").exists()


def test_a_space_that_is_named_twice_is_searched_once(tmp_path):
    found = asked(tmp_path, "--space", "nin", "--space", "nin", "--name", "x")
    assert [(request.name, request.group) for request in found] == [("x", "")]


def test_spaces_of_different_budgets_get_the_largest(tmp_path):
    other = tmp_path / "small.yaml"
    text = (SPACES / "nin.yaml").read_text()
    other.write_text(text.replace("trials: 8, epochs: 8", "trials: 3, epochs: 2"))
    found = asked(tmp_path, "--space", str(other), "--space", "nin", "--name", "x")
    assert [(r.budget.trials, r.budget.epochs) for r in found] == [(8, 8)] * 2


def test_a_value_reaches_the_spaces_that_have_the_key(tmp_path):
    flags = ("--space", "nin", "--space", "conv3", "--set", "width=1.0", "--set", "lr=0.01")
    nin, conv3 = asked(tmp_path, *flags, "--name", "x")
    assert (fixed(nin)["width"], fixed(nin)["lr"], fixed(conv3)["lr"]) == (1.0, 0.01, 0.01)
    assert "width" not in fixed(conv3)


@pytest.mark.parametrize(("began", "goes_on"), [(2, 2), (3, 3), (1, 3)])
def test_a_search_that_began_with_its_share_of_the_grace_goes_on_with_that(
    tmp_path, began, goes_on
):
    """Of 8 epochs and a grace of 3, six epochs once had 2; no other grace is taken for it."""
    (begun,) = asked(tmp_path, "--space", "nin", "--epochs", "6", "--name", "x")
    identity = {**begun.identity, "budget": {**begun.identity["budget"], "grace_epochs": began}}
    SearchFile("search.run", begun.flags, identity).claim(begun.folder, begun.space_file)
    (found,) = asked(tmp_path, "--space", "nin", "--epochs", "6", "--name", "x", "--resume", "x")
    assert found.budget.grace_epochs == goes_on


REFUSED = [
    (["--space", "all", "--set", "colour=1"], "the space has no key colour"),
    (["--space", "all", "--set", "pool_stride=3"], "pool_stride must be at least 1"),
    (["--space", "nin", "--space", "nnn"], "space 'nnn' does not exist"),
    (["--space", "nin", "--space", "conv3", "--name", "a/b"], "no path separators"),
    (["--space", "nin", "--space", "conv3", "--name", "x" * 98], "too long for NAME-SPACE"),
    (["--space", "nin", "--set", "kernel=12"], "nin: kernel must be at least 1 and at most 11"),
    (["--space", "alexnet", "--set", "width=0.0001"], "alexnet: conv1 would get 96 x 0.0001"),
]


@pytest.mark.parametrize(("flags", "message"), REFUSED)
def test_a_fault_in_one_of_several_spaces_is_refused_before_anything_is_written(
    tmp_path, capsys, flags, message
):
    out = tmp_path / "runs"
    assert main(["--data", "embedded", "--out", str(out), *flags]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_name_that_one_of_the_searches_has_already_is_refused(tmp_path, capsys):
    (tmp_path / "runs" / "x-nin").mkdir(parents=True)
    flags = ["--space", "nin", "--space", "conv3", "--name", "x"]
    assert main(["--data", "embedded", "--out", str(tmp_path / "runs"), *flags]) == 2
    assert "x-nin exists" in capsys.readouterr().err


def test_two_files_of_one_name_are_refused(tmp_path, capsys):
    shutil.copy(SPACES / "nin.yaml", tmp_path / "nin.yaml")
    flags = ["--space", "nin", "--space", str(tmp_path / "nin.yaml")]
    assert main(["--data", "embedded", "--out", str(tmp_path / "runs"), *flags]) == 2
    assert "two space files have the same name" in capsys.readouterr().err


def test_the_list_shows_every_space_with_data_source_and_baseline(capsys):
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line for line in lines if not line.startswith(" ")]
    assert names == available()
    assert len(names) == 6
    for kind in ("data", "source", "baseline"):
        assert sum(line.startswith(f"  {kind} ") for line in lines) == 6


def test_a_search_that_began_when_all_sizes_were_of_squares_reads_its_images_so(tmp_path):
    for place in ("train/ant", "train/bee", "val/ant", "val/bee"):
        (tmp_path / "set" / place).mkdir(parents=True)
        Image.new("RGB", (12, 8)).save(tmp_path / "set" / place / "0.png")
    flags = ("--space", "conv3", "--data", str(tmp_path / "set"), "--name", "x")
    (begun,) = asked(tmp_path, *flags)
    assert begun.dataset.image_shape == (8, 12, 3)
    former = replace(begun.data, image_size=0)
    data = {**former.described(), "fingerprint": load(former, begun.source).fingerprint}
    identity = {**begun.identity, "data": data}
    SearchFile("search.run", begun.flags, identity).claim(begun.folder, begun.space_file)
    (resumed,) = asked(tmp_path, *flags, "--resume", "x")
    assert resumed.dataset.image_shape == (32, 32, 3)
    assert resumed.identity == identity

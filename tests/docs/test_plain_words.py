"""Phrases that a reader must decipher are named with their place; good English passes."""

import pytest
from plain_words import main, offences


@pytest.mark.parametrize(
    "text",
    [
        "It uses the CPUs and GPUs that there are.",
        "It lists what there is:",
        "Copy a space that is there, and change it.",
        "What is left out is what it is there, but for `quiet`.",
        "Five trials, of which none ended.",
        "seed: of everything that the search draws.",
        "The mean of the values; None of none.",
        "What is told of a trial.",
        "The second search is told of the first.",
        "the second search is told\nof the first.",
        "Of fewer seeds, nothing is called luck.",
        "A bar tells how far it has come.",
        "What stands behind `--` are flags.",
        "In records of before, the size is a number.",
        "Of a trial, the best epoch.",
        "What both show is of the method.",
        "It writes one row a trial.",
    ],
)
def test_a_riddle_is_an_offence(text):
    assert list(offences(text)) != []


@pytest.mark.parametrize(
    "text",
    [
        "It says that there are three trials.",
        "Of the conflicting images 11% are right.",
        "It tells you how far it has come, and whether the winner cheats.",
        "What stands out is the accuracy.",
        "None of the trials ended.",
        "The file is there.",
        "It draws one line per trial.",
    ],
)
def test_good_english_is_none(text):
    assert list(offences(text)) == []


def project(tmp_path, page: str, source: str):
    """A project of one page and one module."""
    for folder in ("benchmarks", "docs", "search"):
        (tmp_path / folder).mkdir()
    (tmp_path / "README.md").write_text(page)
    (tmp_path / "benchmarks" / "README.md").write_text("")
    (tmp_path / "search" / "module.py").write_text(source)
    return tmp_path


def test_pages_and_strings_are_searched_and_each_place_is_named(tmp_path, capsys):
    root = project(tmp_path, "# Page\n\nIt lists what there is.\n", 'HELP = "one row a trial"\n')
    assert main(root) == 1
    places = [line.split(": ")[0] for line in capsys.readouterr().err.splitlines()]
    assert places == ["README.md:3", "search/module.py:1"]


def test_a_project_without_offences_passes(tmp_path, capsys):
    assert main(project(tmp_path, "# Page\n", "one = 1  # what there is\n")) == 0
    assert capsys.readouterr().err == ""

"""What a command line says to a word that it does not know."""

import pytest

from analysis import ablation, conv_check
from analysis import run as analysis_run
from benchmarks.command import parser_of
from search import ui
from search.commands import new, reconcile, replay, submit
from search.request.parser import ablation_parser, search_parser
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError
from trainables.data import __main__ as data

COMMANDS = {
    "--tracking-u": [search_parser, ablation_parser, analysis_run.command_line, ui.command_line],
    "--ou": [replay.command_line, reconcile.command_line],
    "--cluste": [submit.command_line],
    "--dat": [new.command_line, conv_check.command_line],
    "--jso": [lambda: parser_of("benchmarks.throughput", None)],
}


def refused(parser, *words: str) -> str:
    with pytest.raises(UsageError) as error:
        parser.parse_args(words)
    return str(error.value)


@pytest.mark.parametrize(
    ("word", "command"), [(word, each) for word, commands in COMMANDS.items() for each in commands]
)
def test_no_command_takes_an_abbreviation_and_each_names_the_option(word, command):
    parser = command()
    (meant,) = (each for each in parser._option_string_actions if each.startswith(word))
    assert refused(parser, word, "x").startswith(f"{word} is not an option; did you mean {meant}?")


def test_neither_does_a_command_of_several(capsys):
    told = refused(data.command_line(), "export", "--lim=3")
    assert told.startswith(
        "--lim is not an option; did you mean --limit?; python -m trainables.data"
    )


def test_a_figure_of_an_ablation_takes_none_either(capsys):
    assert ablation.main(["--ou", "x"]) == 2
    assert "--ou is not an option; did you mean --out?" in capsys.readouterr().err


@pytest.fixture
def parser() -> Arguments:
    parser = Arguments(prog="it")
    parser.add_argument("--trials", type=int)
    parser.add_argument("--split", choices=("train", "val", "test"))
    parser.add_argument("--name", required=True)
    return parser


@pytest.mark.parametrize("words", [["--trial", "3"], ["--trial=3"], ["-trials", "3"], ["--trails"]])
def test_the_nearest_option_is_asked_for_though_another_is_missing(parser, words):
    assert "is not an option; did you mean --trials?" in refused(parser, *words)


def test_a_word_that_is_like_none_is_named_alone(parser):
    assert refused(parser, "--zzz") == "--zzz is not an option; it --help shows the flags"


def test_the_nearest_choice_is_asked_for(parser):
    assert "--split: 'vall' is not a choice; did you mean val?" in refused(
        parser, "--split", "vall"
    )
    assert "--split: 'xyz' is not a choice; choose one of train" in refused(
        parser, "--split", "xyz"
    )


def test_a_value_that_looks_like_an_option_is_a_value_behind_an_equals_sign(parser):
    assert parser.parse_args(["--name=--trial", "--trials", "-1"]).name == "--trial"

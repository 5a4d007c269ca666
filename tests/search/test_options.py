"""The options of a search, as what they stand for is derived from them."""

import argparse

import pytest
from pydantic import ValidationError

from search.request.options import AblationOptions, SearchOptions
from search.request.parser import ablation_options, ablation_parser, search_options, search_parser
from search.request.planning import recorded
from trainables.boundary.errors import UsageError

WRITTEN = ["--space=nin", "--space=x.yaml", "--trials=7", "--gpus-per-trial=0.5"]
WRITTEN += ["--set=lr=-0.5", "--out=/runs", "--quiet"]


def flags_of(parser: argparse.ArgumentParser) -> set[str]:
    return {action.dest for action in parser._actions} - {"help"}


@pytest.mark.parametrize(
    ("parser", "options"), [(search_parser, SearchOptions), (ablation_parser, AblationOptions)]
)
def test_every_field_is_a_flag_of_the_command_line(parser, options):
    assert flags_of(parser()) == set(options.model_fields)


def test_a_command_line_can_be_written_from_options_and_read_again():
    options = search_options(WRITTEN)
    assert sorted(options.words()) == sorted(WRITTEN)
    assert search_options(options.words()) == options


def test_options_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        search_options([]).seed = 1


def test_options_know_which_flags_were_given():
    assert search_options(["--seed", "0"]).model_fields_set == {"seed"}


def test_a_flag_is_not_abbreviated():
    with pytest.raises(UsageError, match=r"^--epoch is not an option; did you mean --epochs"):
        search_options(["--epoch", "3"])


@pytest.mark.parametrize("value", ["nan", "-1"])
def test_a_bound_is_named_by_its_flag(value):
    with pytest.raises(UsageError, match=r"^--gpus-per-trial must be 0 or more, not"):
        search_options(["--gpus-per-trial", value])


def test_what_is_recorded_is_read_as_the_same_options():
    options = ablation_options(["--space", "nin", "--toggle", "dropout", "--seeds", "4"])
    assert AblationOptions.of(recorded(options)) == options


def test_flags_are_recorded_by_the_names_that_searches_of_before_have():
    assert set(recorded(SearchOptions())) == {
        *("address", "check", "concurrency", "cpus_per_trial", "data", "epochs", "finalist_seeds"),
        *("finalists", "from_run", "gpus_per_trial", "init", "metric", "name", "pack", "patience"),
        *("quiet", "sampler", "scheduler", "seed", "set", "space", "time", "tracking_uri"),
        *("train_limit", "trials", "unconstrained", "val_alignment", "val_limit", "warm_start"),
    }

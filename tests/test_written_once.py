"""A setting's default stands in one place: help, signatures, schema and pages follow from it."""

import argparse
import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import get_args

import pytest

from analysis.notebook import analyse
from analysis.run import command_line
from convoy.doors import DOORS
from search.api import run_search
from search.proposals import samplers, schedulers
from search.request.options import AblationOptions, SearchOptions
from search.request.parser import ablation_options, search_options
from search.space.budget import Budget
from search.space.json_schema import schema
from trainables.best_epoch import ACCURACY
from trainables.data import DataSpec

ROOT = Path(__file__).parents[1]
PACKAGES = ("convoy", "search", "trainables", "analysis", "benchmarks", "studies")
DECLARING = ("add_argument", "_flag", "_count")
NUMBER = re.compile(r"\b(?:default|space)\b[^)]*?[:, ]\.?\d")


def declarations() -> Iterator[tuple[str, ast.Call]]:
    """Every call that declares a flag."""
    for path in sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = isinstance(node, ast.Call) and getattr(node.func, "attr", None)
            if isinstance(node, ast.Call) and (name or getattr(node.func, "id", "")) in DECLARING:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def texts(call: ast.Call) -> Iterator[str]:
    """The words of a flag's help that stand in the code as they are."""
    helps = [keyword.value for keyword in call.keywords if keyword.arg == "help"]
    for part in (node for each in [*call.args, *helps] for node in ast.walk(each)):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def default_of(call: ast.Call) -> object:
    """The default, if it stands in the code as it is and is one that a help would tell."""
    places = [keyword.value for keyword in call.keywords if keyword.arg == "default"]
    if getattr(call.func, "id", "") == "_flag":
        places += call.args[:1]
    values = [place.value for place in places if isinstance(place, ast.Constant)]
    return next((value for value in values if value not in (None, False, "")), None)


def repeated(call: ast.Call) -> bool:
    default = default_of(call)
    words = rf"default.*\b{re.escape(str(default))}\b"
    told = [text for text in texts(call) if text != default]
    return any(
        NUMBER.search(text) or (default is not None and re.search(words, text)) for text in told
    )


def test_no_help_writes_a_default_that_the_code_has_already():
    found = list(declarations())
    assert len(found) > 100
    assert [place for place, call in found if repeated(call)] == []


@pytest.mark.parametrize(
    "code",
    [
        'parser.add_argument("--out", default="runs", help="default: ./runs")',
        'parser.add_argument("--port", help="default: 5000, or the next free")',
        '_count("of everything (default: 0)", default=0)',
        '_count("how often each (default: space, 3)")',
        '_flag(None, "share that agrees (space: 0.1)")',
        '_flag("val", "the images (default: val)")',
    ],
)
def test_a_default_that_is_written_twice_is_seen(code):
    (call,) = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    assert repeated(call)


def expanded(action: argparse.Action) -> str:
    return argparse.HelpFormatter("")._expand_help(action)


@pytest.mark.parametrize("name", DOORS)
def test_the_help_of_a_flag_tells_its_default(name):
    for action in DOORS[name].command_line()._actions:
        if action.default not in (None, False, argparse.SUPPRESS) and action.option_strings:
            assert str(action.default) in expanded(action), action.option_strings


@pytest.mark.parametrize(
    ("read", "options"), [(search_options, SearchOptions), (ablation_options, AblationOptions)]
)
def test_the_command_line_has_the_defaults_of_the_options(read, options):
    assert read([]) == options()


def test_a_call_has_the_defaults_of_the_command_line():
    declared = {name: field.default for name, field in SearchOptions.flags().items()}
    called = {name: each.default for name, each in signature(run_search).parameters.items()}
    assert declared.keys() - called.keys() == {"list", "check"}
    differing = {name for name in called if called[name] != declared[name]}
    assert differing == {"space", "set", "quiet"}  # one, a dictionary, and a notebook is quiet


def test_an_analysis_from_python_has_the_defaults_and_choices_of_the_command_line():
    flags = {action.dest: action for action in command_line()._actions}
    called = signature(analyse).parameters
    assert flags.keys() - called.keys() == {"help", "list"}
    differing = {name for name in called if called[name].default != flags[name].default}
    assert differing == {"quiet"}
    assert get_args(called["split"].annotation) == tuple(flags["split"].choices)


def test_the_schema_has_the_defaults_of_the_models():
    kinds = schema()["$defs"]
    for kind, defaults in (
        ("Budget", {name: field.default for name, field in Budget.model_fields.items()}),
        (
            "DataSpec",
            {field.name: getattr(DataSpec, field.name, None) for field in fields(DataSpec)},
        ),
    ):
        shown = {k: of["default"] for k, of in kinds[kind]["properties"].items() if "default" in of}
        assert shown
        assert shown == {name: defaults[name] for name in shown}


@pytest.mark.parametrize("name", schedulers.available())
def test_an_option_that_a_budget_has_too_has_its_default_and_bounds(name):
    options = schedulers._options(name).model_fields
    for key in options.keys() & set(schedulers.SHARED):
        assert options[key].default == Budget.model_fields[key].default
        assert options[key].metadata == Budget.model_fields[key].metadata


@pytest.mark.parametrize(
    ("page", "written", "default"),
    [
        ("spaces", r"`(\w+)` \(default\) \| a Gaussian", samplers.DEFAULT),
        ("spaces", r"`(\w+)` \(default\) \| at a rung", schedulers.DEFAULT),
        ("choices", r"`sampler: (\w+)`, the default", samplers.DEFAULT),
        ("choices", r"\(`finalists: (\d)", Budget.model_fields["finalists"].default),
        ("choices", r"finalist_seeds: (\d)`", Budget.model_fields["finalist_seeds"].default),
        ("own-data", r"`(\w+)`, the default, gives each side", DataSpec.fit),
        ("own-data", r"`(\d)`, the default, or `1`", DataSpec.channels),
        ("manage", r"by default `\./(\w+)`", SearchOptions().out),
        ("reference", r"`--metric NAME` \| .*default: space's, or (\w+)\)", ACCURACY),
    ],
)
def test_a_page_tells_the_default_that_the_code_has(page, written, default):
    assert set(re.findall(written, (ROOT / "docs" / f"{page}.md").read_text())) == {str(default)}

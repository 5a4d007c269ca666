"""The schema of space files takes what the code takes, and refuses what an editor can see."""

import copy
import json

import jsonschema
import pytest
import yaml

from search.commands.new import TEMPLATE
from search.space.json_schema import FILE, text
from search.space.reader import SPACES, available

SCHEMA = json.loads(FILE.read_text())
GAP5 = yaml.safe_load((SPACES / "gap5.yaml").read_text())


def faults(document: dict) -> list[str]:
    return [
        fault.json_path for fault in jsonschema.Draft202012Validator(SCHEMA).iter_errors(document)
    ]


def changed(place: str, value: object) -> dict:
    """gap5's space with another value at a place such as ``budget.trials``."""
    document = copy.deepcopy(GAP5)
    *outer, last = place.split(".")
    inner = document
    for key in outer:
        inner = inner[key]
    inner[last] = value
    return document


def test_the_file_is_what_the_code_says():
    assert FILE.read_text() == text(), "make reference writes it anew"


def test_it_is_a_valid_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", available())
def test_every_space_is_valid(name):
    assert faults(yaml.safe_load((SPACES / f"{name}.yaml").read_text())) == []


@pytest.mark.parametrize("file", [SPACES / "gap5.yaml", TEMPLATE / "space.yaml"])
def test_a_space_names_the_schema_for_editors(file):
    written = file.read_text()
    assert written.startswith("# yaml-language-server: $schema=space.schema.json\n")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("search.lr", 0.01),
        ("search.lr", [0.01, 0.1]),
        ("search.lr", {"low": 0.001, "high": 0.1, "log": True}),
        ("search.schedule", "cosine"),
        ("search.schedule", ["cosine", "constant"]),
        ("search.schedule", {"cosine": {"t_max": 1.0}, "constant": None}),
        ("search.flip", {"true": None, "false": {"noise": 0.1}}),
        ("search.mixup", {"0": None, "0.2": {}}),
        ("search.my_parameter", {"wide": {"width": [1, 2]}, "narrow": None}),
        ("constraints", {"digit_following": {"max": 0.1}}),
        ("guesses", []),
        ("source", None),
        ("shortcut", {"csv": "colours.csv", "column": "colour", "agrees": {"red": "cat"}}),
        ("shortcut", {"callable": "mine.colours:colour", "region": [0, 0, 8, 8]}),
    ],
)
def test_each_form_of_a_key_is_taken(place, value):
    assert faults(changed(place, value)) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("serach", {}),
        ("budget.trial", 8),
        ("budget.trials", 0),
        ("budget.trials", "many"),
        ("data.forcd", 0.5),
        ("data.set", "mnist"),
        ("source.split", "train"),
        ("baseline.lr", "fast"),
        ("baseline.lr", 0),
        ("baseline.flip", 1),
        ("embedded.fix", {"optimizer": "adamm"}),
        ("search.lr", 1000),
        ("search.lr", []),
        ("search.lr", [0.1, "fast"]),
        ("search.lr", {"low": 0.001, "hgih": 0.1}),
        ("search.lr", {"low": 0.001, "high": 1000}),
        ("search.lr", {"low": "small", "high": 0.1}),
        ("search.batch_size", 12.5),
        ("search.optimizer", {"adamm": None}),
        ("search.optimizer", {"sgd": {"momentum": 2}}),
        ("search.optimizer", {}),
        ("search.flip", {"maybe": None}),
        ("search.mixup", {"min": None, "max": None}),
        ("search.my_parameter", None),
        ("shortcut", {"csv": "colours.csv"}),
        ("shortcut", {"callable": "mine.colours:colour", "regoin": [0, 0, 8, 8]}),
        ("constraints", {"accuracy": {"max": 0.1}}),
        ("constraints", {"digit_following": {"min": 0.1, "max": 0.2}}),
    ],
)
def test_a_typical_mistake_is_refused_where_it_stands(place, value):
    found = faults(changed(place, value))
    assert found
    assert all(f"$.{place}".startswith(fault) or fault.startswith(f"$.{place}") for fault in found)


@pytest.mark.parametrize(
    "key", ["architecture", "data", "budget", "embedded", "baseline", "search"]
)
def test_a_missing_key_is_refused(key):
    assert faults({name: part for name, part in GAP5.items() if name != key}) == ["$"]

"""Words in YAML that it reads as something else: names stay text as they are written."""

import csv
import re
from pathlib import Path

import optuna
import pytest
import torch
import yaml
from PIL import Image
from torch import nn

from search.clusters.reader import read_cluster
from search.request.flags import assignments
from search.space.reader import SPACES, read_space
from search.space.sampler import SpaceSampler
from search.space.space import Space
from trainables import architectures
from trainables.boundary.errors import UsageError
from trainables.data import load
from trainables.data.shortcut import read_attribute

GAP5 = (SPACES / "gap5.yaml").read_text()
# What YAML 1.1 reads as a switch, a number, a time, a date, nothing or infinity.
WORDS = ["yes", "no", "on", "off", "true", "False", "null", "~", "12:30", "1:02:03", "1_000"]
WORDS += ["0x1F", "010", "007", "1e3", "1.10", "2024-01-01", ".inf", ".nan", "0b11", "+1", "="]


def space_of(folder: Path, text: str) -> Space:
    file = folder / "space.yaml"
    file.write_text(text)
    return read_space(file)


def searched(folder: Path, key: str, domain: str) -> Space:
    """gap5's space with another domain of a key."""
    head, search = GAP5.split("\nsearch:\n")
    search, count = re.subn(rf"(?m)^  {key}:.*\n(    .*\n)*", f"  {key}: {domain}\n", search)
    assert count == 1
    return space_of(folder, f"{head}\nsearch:\n{search}")


def refusal(folder: Path, key: str, domain: str) -> str:
    with pytest.raises(UsageError) as caught:
        searched(folder, key, domain)
    return str(caught.value).removeprefix(f"{folder / 'space.yaml'}: ")


@pytest.mark.parametrize("word", WORDS)
def test_a_shortcuts_words_are_those_of_its_table_and_of_the_class_folders(tmp_path, word):
    """The same word is a column of the CSV file, a value there, and a class."""
    root, rows = tmp_path / "data", [("filename", word)]
    own = word.lstrip(".")  # a folder with a dot before it is a hidden one
    for split in ("train", "val"):
        for name in ("dog", own):
            (root / split / name).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(root / split / name / "0.png")
            rows.append((f"{split}/{name}/0.png", f"v{word}" if name == own else word))
    with (root / "told.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    agrees = f"{{{word}: dog, v{word}: {repr(own) if own in ('null', '~') else own}}}"
    shortcut = f"shortcut: {{csv: told.csv, column: {word}, agrees: {agrees}}}"
    spec = space_of(tmp_path, f"{GAP5}\n{shortcut}\n").data_on(str(root))
    data = load(spec, str(root))
    assert data.val.digits.tolist() == data.val.labels.tolist()
    assert spec.shortcut.column == word


def test_a_value_without_a_class_is_null_and_a_class_called_null_is_quoted(tmp_path):
    text = "{csv: a, column: b, agrees: {x: null, y: ~, z: , n: 'null'}}"
    agrees = dict(space_of(tmp_path, f"{GAP5}\nshortcut: {text}\n").shortcut.agrees)
    assert agrees == {"x": "", "y": "", "z": "", "n": "null"}


def test_true_in_a_space_is_true_in_a_table_that_python_wrote(tmp_path):
    (tmp_path / "a.csv").write_text("filename,b\ntrain/x/0.png,True\n")
    shortcut = "{csv: a.csv, column: b, agrees: {true: x}}"
    space = space_of(tmp_path, f"{GAP5}\nshortcut: {shortcut}\n")
    assert read_attribute(space.shortcut, tmp_path, ("w", "x")) == {"train/x/0.png": 1}


@pytest.fixture
def gated(monkeypatch):
    """An architecture of one's own with a word, a switch and two numbers."""

    def build(
        *, image_size: int, classes: int, gate: str = "no", wide: bool = False, share: float = 0.5
    ) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * image_size**2, classes))

    module = type(torch)("trainables.architectures.no")
    module.build = build
    monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
    monkeypatch.setattr(architectures, "available", lambda: ["gap5", "no"])
    return """
architecture: no
data: {set: composite}
budget: {trials: 2, epochs: 1}
embedded: {budget: {trials: 2, epochs: 1}, fix: {gate: off}}
baseline: {gate: no, wide: no, share: 1}
guesses: [{gate: 007, wide: yes, share: 0.5}, {gate: off}]
search:
  gate: {no: , 007: , off: {share: {low: 0, high: 1}}}
  wide: {yes: {lr: 0.1}, no: {}}
"""


def test_words_are_text_and_switches_are_switches_by_the_type_of_the_key(gated, tmp_path):
    text = gated.replace("share: 1}", "}").replace(", share: 0.5", "")
    space = space_of(tmp_path, text)
    assert space.architecture == "no"
    assert space.baseline == {"gate": "no", "wide": False}
    assert [guess["gate"] for guess in space.guesses] == ["007", "off"]
    assert space.embedded.fix == {"gate": "off"}
    assert tuple(space.search["gate"].options) == ("no", "007", "off")
    assert tuple(space.search["wide"].options) == (True, False)


def test_what_a_flag_sets_is_text_by_the_type_of_the_key(gated, tmp_path):
    text = gated.replace("share: 1}", "}").replace(", share: 0.5", "")
    space = space_of(tmp_path, text)
    fixed = space.fixed_on("data", assignments(["gate=007", "wide=true"]))
    assert fixed == {"gate": "007", "wide": True}


def points(space: Space, count: int = 20) -> list[dict]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    sampler = SpaceSampler(space, {})
    return [sampler(study.ask()) for _ in range(count)]


@pytest.mark.parametrize(
    ("key", "domain", "values"),
    [
        ("flip", "{true: {}, false: {}}", {True, False}),
        ("flip", "{yes: , off: }", {True, False}),
        ("crop_padding", "{0: , 2: {}}", {0, 2}),
        ("noise", "{0: {}, 1e-1: {}}", {0.0, 0.1}),
    ],
)
def test_options_are_named_by_values_of_the_keys_type(tmp_path, key, domain, values):
    drawn = {point[key] for point in points(searched(tmp_path, key, domain))}
    assert drawn == values
    assert {type(value) for value in drawn} == {type(next(iter(values)))}


def test_a_float_keys_range_of_whole_numbers_is_a_range_of_floats(tmp_path):
    drawn = {
        point["erasing"] for point in points(searched(tmp_path, "erasing", "{low: 0, high: 1}"))
    }
    assert len(drawn) == 20


def test_an_int_keys_range_of_whole_floats_is_a_range_of_ints(tmp_path):
    space = searched(tmp_path, "crop_padding", "{low: 0.0, high: 4e0}")
    assert {point["crop_padding"] for point in points(space, 60)} == {0, 1, 2, 3, 4}


RANGE = "write a range as {low: 0, high: 0.5}"


@pytest.mark.parametrize(
    ("key", "domain", "line"),
    [
        ("dropout", "{min: 0, max: 0.5}", f"search.dropout: has the keys min, max; {RANGE}"),
        ("dropout", "{from: 0, to: 0.5}", f"search.dropout: has the keys from, to; {RANGE}"),
        ("optimizer", "{sgd: {momentum: {lo: 0, hi: 1}}}", "search.optimizer.sgd.momentum: has"),
        ("dropout", "{low: 0}", f"search.dropout: high is missing; {RANGE}"),
        ("dropout", "{low: 0, max: 1}", "search.dropout.max: unknown key; the keys here are low"),
        ("dropout", "{low: 0, hihg: 1}", "search.dropout.hihg: unknown key; did you mean high?"),
        ("dropout", "{low: 0.5, high: 0.1}", "is not below high 0.1; write {low: 0.1, high: 0.5}"),
        ("lr", "{low: 0, high: 1, log: true}", "low above 0, not 0; raise it, or leave out log"),
        ("lr", "{low: 0.1, high: 1, step: 0.2}", "search.lr: a range has no step; list its values"),
        ("lr", "{low: '0.1', high: 1}", "low must be a number, not '0.1'; write it without quotes"),
        ("lr", "'0.1'", "search: lr must be of type float, not '0.1'; write it without quotes"),
        ("lr", "{low: .nan, high: 1}", "search.lr: low must be a finite number, not nan"),
        ("flip", "{low: 0, high: 1}", "search: flip is not a number, so it has no range; list its"),
        ("flip", "{true: {}, yes: {}}", "search: flip names an option twice: true, yes"),
        ("batch_size", "010", "search: batch_size must be of type int, not '010'"),
        (
            "batch_size",
            "{low: 1.5, high: 9}",
            "batch_size takes whole numbers, not 1.5 to 9",
        ),
        ("optimizer", "{sgd: {momentm: 0.9}}", "did you mean momentum?"),
    ],
)
def test_a_wrong_domain_is_refused_with_what_to_write(tmp_path, key, domain, line):
    assert line in refusal(tmp_path, key, domain)


ODD = ["[1]", "{}", "{a: 1}", "{a: {b: {c: 1}}}", "[[1]]", "12:30", "'7'", "null", "-1", "1e999"]
PYDANTIC = re.compile(r"Input|input|should|validat|options\.|Range|Values\b|Fixed|dict\b|\[key\]")


@pytest.mark.parametrize("written", ODD)
@pytest.mark.parametrize("place", [*yaml.safe_load(GAP5), "budget.trials", "search.lr.low"])
def test_no_refusal_is_in_the_words_of_a_library(tmp_path, place, written):
    document, value = yaml.safe_load(GAP5), yaml.safe_load(written)
    *outer, last = place.split(".")
    part = document
    for key in outer:
        part = part[key]
    part[last] = value
    try:
        space_of(tmp_path, yaml.safe_dump(document))
    except UsageError as error:
        assert not PYDANTIC.search(str(error).partition("space.yaml: ")[2])


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("  lr: 0.001\n", "  lr: 0.001\n  lr: 0.002\n", "line 28: the key lr appears twice"),
        ("source:\n", "on: 1\n'on': 2\nsource:\n", "the key on appears twice"),
        ("trials: 24", "trails: 24", "budget.trails: unknown key; did you mean trials?"),
        ("digit_following: {max: 0.08}", "digit_following: 0.08", "such as {max: 0.08}"),
        ("data: {set: composite}", "data: composite", "such as {set: composite}"),
    ],
)
def test_a_wrong_line_is_refused_with_what_to_write(tmp_path, old, new, line):
    assert GAP5.count(old) == 1
    with pytest.raises(UsageError, match=re.escape(line)):
        space_of(tmp_path, GAP5.replace(old, new))


def test_a_number_that_begins_with_0_is_refused_without_a_word_of_quotes(tmp_path):
    assert refusal(tmp_path, "batch_size", "010").endswith("must be of type int, not '010'")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("lr: 0.001\n", "lr: [0.001\n", "line {}, column"),
        (
            "lr: 0.001\n",
            "lr: !!python/name:os.system 1\n",
            "line {}, column 7: could not",
        ),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line_alone(tmp_path, old, new, line):
    number = GAP5.partition(old)[0].count("\n") + 1
    with pytest.raises(UsageError) as refused:
        space_of(tmp_path, GAP5.replace(old, new, 1))
    assert "unicode string" not in str(refused.value)
    assert line.format(number if "!!" in new else number + 1) in str(refused.value)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_space_of_another_encoding_is_refused_with_the_right_one(tmp_path, encoding):
    path = tmp_path / "space.yaml"
    path.write_text(f"# größer\n{GAP5}", encoding=encoding)
    with pytest.raises(UsageError, match="is not written in UTF-8; save it as UTF-8"):
        read_space(path)


def test_switches_and_numbers_mean_what_they_meant(tmp_path):
    text = GAP5.replace("  flip: true\n", "  flip: yes\n").replace("lr: 0.001\n", "lr: 1e-3\n")
    baseline = space_of(tmp_path, text).baseline
    assert (baseline["flip"], baseline["lr"]) == (True, 0.001)


def test_a_clusters_words_are_text_too(tmp_path):
    written = (SPACES.parent / "clusters" / "slurm.yaml").read_text()
    written = written.replace('time: "08:00:00"', "time: 8:00:00\npartition: 007\naccount: no")
    written = written.replace("environment: {}", "environment: {THREADS: 1, VERBOSE: yes}")
    file = tmp_path / "mine.yaml"
    file.write_text(written)
    cluster = read_cluster(file)
    assert (cluster.time, cluster.partition, cluster.account) == ("8:00:00", "007", "no")
    assert cluster.environment == {"THREADS": "1", "VERBOSE": "yes"}


def test_a_key_that_stands_twice_in_a_clusters_file_is_refused(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text((SPACES.parent / "clusters" / "ray.yaml").read_text() + "\nkind: ray-jobs\n")
    with pytest.raises(UsageError, match=r"line \d+: the key kind appears twice"):
        read_cluster(file)

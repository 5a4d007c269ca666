"""The benchmark of a GPU, dry, and how it judges made-up figures."""

import json

import pytest
import torch

from benchmarks.gpu.__main__ import PARTS, Part, main, run
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.goals import GOALS, table

BENCH = Bench.of(None, dry=True)


@pytest.fixture(scope="module")
def dry(tmp_path_factory):
    """The lines of a dry run."""
    file = tmp_path_factory.mktemp("gpu") / "gpu.jsonl"
    assert main(["--dry", "--out", str(file)]) == 0
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_dry_run_measures_every_part_without_an_error(dry):
    assert [line for line in dry if "error" in line or "skipped" in line] == []
    assert list(dict.fromkeys(line["part"] for line in dry)) == [
        "machine",
        *dict.fromkeys(part.name for part in PARTS),
    ]


def test_a_dry_run_has_a_figure_for_every_goal(dry):
    assert [goal.name for goal in GOALS if goal.read(dry[1:]) is None] == []


def test_what_should_be_equal_is_equal_on_the_cpu(dry):
    said = [line[key] for line in dry for key in ("equal", "equals_cpu") if key in line]
    assert len(said) == 4 + 4 + 2
    assert all(said)


def test_a_part_that_fails_is_a_line_and_the_others_are_measured():
    def failing(bench):
        yield {"figure": 1}
        raise ValueError("no such kernel")

    parts = Part("bad", 0, failing), Part("good", 0, lambda bench: iter([{"figure": 2}]))
    lines = run(parts, BENCH, 10, lambda line: None)
    assert [line.get("figure") for line in lines] == [1, None, 2]
    assert lines[1]["error"] == "ValueError: no such kernel"
    assert lines[1]["where"][-1].startswith("test_gpu.py:")


def test_a_part_that_would_overrun_the_budget_is_left_out_and_a_shorter_one_is_not():
    parts = [Part(str(s), s, lambda bench: iter([{"figure": 1}])) for s in (20, 5)]
    long, short = run(tuple(parts), BENCH, 10, lambda line: None)
    assert long["skipped"] == "takes some 20 s, 10 are left"
    assert short["figure"] == 1


LINES = [
    {"part": "ceilings", "side": 2048, "tflops": 500.0},
    {"part": "ceilings", "side": 8192, "tflops": 800.0},
    {"part": "steps", "architecture": "gap6", "gflop_an_image": 1.6},
    {"part": "steps", "architecture": "gap6", "way": "graph, lean", "epoch_ms": 300.1},
    {"part": "steps", "architecture": "conv3", "way": "eager, autocast", "epoch_ms": 400.0},
    {"part": "steps", "architecture": "conv3", "way": "graph, lean", "epoch_ms": 50.0},
    {"part": "packs", "architecture": "conv3", "batch": 128, "members": 1, "images_s": 10.0},
    {"part": "packs", "architecture": "conv3", "batch": 128, "members": 16, "images_s": 19.0},
    {"part": "AutoAugment", "images": 128, "images_s": 9e9},
    {"part": "AutoAugment", "images": 4096, "images_s": 2.5e6},
    {"part": "evaluation", "error": "out of memory"},
]


@pytest.mark.parametrize(
    ("name", "figure", "verdict"),
    [
        ("conv3, an epoch of 50,000", 50.0, "reached"),
        ("gap6, over the arithmetic floor", 3.001, "missed"),  # of 50,000 x 1.6 / 800 = 100 ms
        ("conv3, graph over the former eager step", 8.0, "reached"),
        ("conv3, 16 members over one, batch 128", 1.9, "missed"),
        ("AutoAugment", 2.5, "reached"),
        ("gap5, an epoch of 50,000", None, "not measured"),
        ("conv3, evaluation of 10,000", None, "not measured"),
    ],
)
def test_goals_are_judged_by_their_lines(name, figure, verdict):
    (goal,) = (goal for goal in GOALS if goal.name.replace(" at stride 2", "") == name)
    assert goal.read(LINES) == pytest.approx(figure)
    assert goal.verdict(LINES) == verdict
    row = next(row for row in table(LINES, dry=False).splitlines() if row.startswith(goal.name))
    assert row.endswith(verdict)


def test_a_dry_run_s_figures_are_not_judged():
    assert "reached" not in table(LINES, dry=True) and "missed" not in table(LINES, dry=True)


def test_without_a_gpu_it_says_what_runs_all_the_same(capsys, tmp_path):
    if not torch.cuda.is_available():
        assert main(["--out", str(tmp_path / "gpu.jsonl")]) == 2
        assert "--dry" in capsys.readouterr().err

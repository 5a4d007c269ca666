"""The benchmark of packs, on the least that it can measure."""

import json

import torch

from benchmarks.packs import main, measure, table
from benchmarks.ways import Case
from trainables.recipe import Recipe


def test_every_size_has_its_blocks(embedded):
    case = Case(
        "gap5",
        {"pool_stride": 2},
        embedded.limited(64, 100),
        "embedded",
        Recipe(batch_size=32),
        torch.device("cpu"),
    )
    rates = measure(case, [1, 3], blocks=2, seconds=0.0)
    assert {count: len(found) for count, found in rates.items()} == {1: 2, 3: 2}
    assert all(rate > 0 for found in rates.values() for rate in found)


def test_the_table_relates_medians_to_the_first():
    rows = table({1: [90.0, 100.0, 110.0], 4: [290.0, 300.0, 310.0]}).splitlines()
    assert rows[1].split() == ["1", "100", "(90-110)", "1.00x"]
    assert rows[2].split() == ["4", "300", "(290-310)", "3.00x"]


def test_what_is_printed_is_written_too(tmp_path):
    file = tmp_path / "packs.json"
    flags = ["--data", "embedded", "--members", "1", "--seconds", "0.01", "--blocks", "1"]
    assert main([*flags, "--batch-size", "16", "--json", str(file)]) == 0
    assert list(json.loads(file.read_text())["rates"]) == ["1"]


def test_a_gpu_that_is_not_there_is_refused(capsys):
    if not torch.cuda.is_available():
        assert main(["--device", "cuda", "--data", "embedded"]) == 2
        assert "finds no GPU" in capsys.readouterr().err

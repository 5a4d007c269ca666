"""The throughput benchmark's arithmetic, and a run of it that is too short to mean anything."""

import json
import multiprocessing

import pytest
import torch

from benchmarks.throughput import ThroughputRow, case_of, flops_per_image, line, main
from benchmarks.ways import Case, Convoy, Tutorial, ways
from trainables.recipe import Recipe

TINY = ["--data", "embedded", "--seconds", "0.01", "--threads", "1"]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _keep_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def row():
    rates = {"convoy": [900.0, 1000.0, 5000.0], "tutorial_0": [100.0, 300.0, 200.0]}
    return ThroughputRow("gap5", {"pool_stride": 2}, "composite", 40, rates)


def test_a_ratio_is_that_of_the_medians(row):
    assert row.ratio("tutorial_0") == 5.0
    assert row.as_dict()["ratio"] == {"tutorial_0": 5.0}


def test_the_time_of_an_epoch_is_that_of_50000_images(row):
    assert row.as_dict()["epoch_seconds"] == {"convoy": 50.0, "tutorial_0": 250.0}


def test_a_line_names_the_parameters_the_spread_and_the_ratio(row):
    words = line(row, epoch=False).split()
    assert words == ["gap5", "pool_stride=2", "1,000", "(900-5,000)", "200", "(100-300)", "5.00x"]


def test_on_a_cpu_wide_networks_are_narrowed_unless_asked_otherwise():
    assert case_of("gap6", "embedded", CPU).parameters == {"width": 0.25}
    assert case_of("gap6", "embedded", CPU, full=True).parameters == {}


def test_both_ways_train_with_the_same_augmentation():
    assert case_of("gap5", "embedded", CPU).recipe.crop_padding == 0
    assert case_of("conv3", "embedded", CPU).recipe.crop_padding == 4
    assert case_of("conv3", "embedded", CPU).recipe.flip


def test_the_loading_processes_end_with_the_measurement():
    case = case_of("conv3", "embedded", CPU)
    with ways(case, (1,), 0.01) as timed:
        assert isinstance(timed["convoy"], Convoy)
        assert isinstance(timed["tutorial_1"], Tutorial)
        assert timed["tutorial_1"].rate(0.01) > 0
        assert multiprocessing.active_children()
    assert not multiprocessing.active_children()


def test_a_run_writes_every_block_and_its_circumstances(tmp_path, capsys):
    file = tmp_path / "found.json"
    flags = ["--architecture", "conv3", "gap5", "--blocks", "2", "--floor", "--json", str(file)]
    assert main([*TINY, *flags]) == 0
    found = json.loads(file.read_text())
    assert [row["architecture"] for row in found["rows"]] == ["conv3", "gap5"]
    for row in found["rows"]:
        assert set(row["rates"]) == {"convoy", "tutorial_0", "tutorial_2"}
        assert all(len(rates) == 2 and min(rates) > 0 for rates in row["rates"].values())
    assert found["machine"]["threads"] == 1
    assert found["command"].startswith("python -m benchmarks.throughput --data embedded")
    assert found["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert found["peak"] > 0
    assert "GFLOP/s" in capsys.readouterr().out


def test_the_operations_of_conv3_are_those_counted_by_hand(embedded):
    case = Case("conv3", {}, embedded, "embedded", Recipe(), CPU)
    size, dense = embedded.image_shape[0], 256
    layers = [(3, 32, size), (32, 64, size // 2), (64, 128, size // 4)]
    convolutions = [2 * 9 * inputs * outputs * side**2 for inputs, outputs, side in layers]
    products = [2 * 128 * (size // 8) ** 2 * dense, 2 * dense * 10]
    # Backward takes twice as much, but for the pixels, whose gradient nobody wants.
    expected = 3 * sum(convolutions) - convolutions[0] + 3 * sum(products)
    assert flops_per_image(case) == pytest.approx(expected)


def test_a_profile_names_the_operators_of_a_step(tmp_path, capsys):
    file = tmp_path / "found.json"
    assert main([*TINY, "--profile", "--architecture", "conv3", "--json", str(file)]) == 0
    operators = json.loads(file.read_text())["profile"]["conv3"]
    calls = {operator["name"]: operator["calls"] for operator in operators}
    assert calls["aten::convolution_backward"] == 3.0
    assert sum(operator["share"] for operator in operators) == pytest.approx(1)
    assert "conv3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--architecture", "conv4"], "conv4"),
        (["--blocks", "0"], "--blocks"),
        (["--seconds", "0"], "--seconds"),
        (["--json", "/nowhere/found.json"], "/nowhere"),
        (["--device", "tpu"], "neither cpu nor cuda"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_a_wrong_flag_is_one_line_and_status_2(flags, named, capsys):
    assert main(["--data", "embedded", *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert named in error
    assert error.count("\n") == 1

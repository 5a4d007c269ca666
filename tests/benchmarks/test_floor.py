"""The floor: operations counted by hand, and files that are not a measurement."""

import pytest
import torch

from benchmarks.floor import flops_per_image, main
from benchmarks.ways import Case
from trainables.recipe import Recipe


def test_the_operations_of_conv3_are_those_counted_by_hand(embedded):
    case = Case("conv3", {}, embedded, "embedded", Recipe(), torch.device("cpu"))
    size, dense = embedded.image_size, 256
    layers = [(3, 32, size), (32, 64, size // 2), (64, 128, size // 4)]
    convolutions = [2 * 9 * inputs * outputs * side**2 for inputs, outputs, side in layers]
    products = [2 * 128 * (size // 8) ** 2 * dense, 2 * dense * 10]
    # Backward takes twice as much, but for the pixels, whose gradient nobody wants.
    expected = 3 * sum(convolutions) - convolutions[0] + 3 * sum(products)
    assert flops_per_image(case) == pytest.approx(expected)


def test_a_file_that_is_no_measurement_is_refused(tmp_path, capsys):
    file = tmp_path / "other.json"
    file.write_text("{}")
    assert main(["--data", "embedded", "--measured", str(file)]) == 2
    assert f"--measured {file}" in capsys.readouterr().err

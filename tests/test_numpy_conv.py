"""The numpy convolution against loops and against torch."""

import numpy as np
import pytest
import torch

from analysis.conv_check import check, main
from analysis.numpy_conv import Conv2d
from trainables.boundary.errors import UsageError


def drawn(count=3, channels=2, filters=4, kernel=3, size=(7, 9)):
    rng = np.random.default_rng(0)
    return rng.normal(size=(count, channels, *size)), rng.normal(
        size=(filters, channels, kernel, kernel)
    )


def by_loops(images, weight, stride, padding):
    """The definition, one output at a time."""
    padded = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    kernel = weight.shape[2]
    rows = range(0, padded.shape[2] - kernel + 1, stride)
    columns = range(0, padded.shape[3] - kernel + 1, stride)
    out = np.zeros((len(images), len(weight), len(rows), len(columns)))
    for n, f in np.ndindex(out.shape[:2]):
        for i, y in enumerate(rows):
            for j, x in enumerate(columns):
                out[n, f, i, j] = (padded[n, :, y : y + kernel, x : x + kernel] * weight[f]).sum()
    return out


SHAPES = [(1, 0, 3), (1, 1, 3), (2, 0, 3), (2, 1, 3), (3, 2, 5), (1, 2, 5), (2, 0, 1), (4, 3, 7)]


@pytest.mark.parametrize(("stride", "padding", "kernel"), SHAPES)
def test_forward_is_the_definition(stride, padding, kernel):
    images, weight = drawn(kernel=kernel)
    out = Conv2d(weight, stride, padding).forward(images)
    assert np.allclose(out, by_loops(images, weight, stride, padding), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("stride", "padding", "kernel"), SHAPES)
def test_backward_equals_torchs_gradients(stride, padding, kernel):
    images, weight = drawn(kernel=kernel)
    ours = Conv2d(weight, stride, padding)
    output = ours.forward(images)
    gradient = np.random.default_rng(1).normal(size=output.shape)
    by_images = ours.backward(gradient)
    x, w = torch.tensor(images, requires_grad=True), torch.tensor(weight, requires_grad=True)
    torch.nn.functional.conv2d(x, w, stride=stride, padding=padding).backward(
        torch.tensor(gradient)
    )
    assert np.allclose(ours.dLdW, w.grad.numpy(), rtol=1e-12, atol=1e-12)
    assert np.allclose(by_images, x.grad.numpy(), rtol=1e-12, atol=1e-12)


def test_backward_is_the_slope_of_the_loss():
    images, weight = drawn(count=1, size=(5, 5))
    layer = Conv2d(weight, 2, 1)
    gradient = layer.backward(2 * layer.forward(images))
    step = 1e-6
    for place in [(0, 0, 0, 0), (0, 1, 2, 3), (0, 0, 4, 4)]:
        near = images.copy()
        near[place] += step
        far = images.copy()
        far[place] -= step
        slope = ((layer.forward(near) ** 2).sum() - (layer.forward(far) ** 2).sum()) / (2 * step)
        assert gradient[place] == pytest.approx(slope, rel=1e-5)


def test_single_precision_stays_single():
    images, weight = drawn()
    layer = Conv2d(weight.astype(np.float32), 1, 1)
    output = layer.forward(images.astype(np.float32))
    assert output.dtype == layer.backward(output).dtype == layer.dLdW.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kernel": 11}, "gets 7x7 pixels, too few for its 11x11 kernel"),
        ({"stride": 0}, "stride must be at least 1"),
        ({"padding": -1}, "padding must be at least 0"),
    ],
)
def test_a_shape_that_collapses_is_refused_with_what_it_gets(change, message):
    images, weight = drawn(kernel=change.pop("kernel", 3))
    with pytest.raises(UsageError, match=message):
        Conv2d(weight, **change).forward(images)


def test_images_of_other_channels_are_refused():
    images, weight = drawn()
    with pytest.raises(ValueError, match=r"not \(N, 2, H, W\)"):
        Conv2d(weight).forward(images[:, :1])


def test_backward_before_forward_is_refused():
    with pytest.raises(RuntimeError, match="needs a forward"):
        Conv2d(drawn()[1]).backward(np.zeros((1, 4, 5, 5)))


@pytest.mark.parametrize(("stride", "padding"), [(1, 2), (2, 0)])
def test_the_check_finds_differences_of_rounding_alone(embedded, stride, padding):
    images = embedded.train.images[:8].transpose(0, 3, 1, 2) / 255
    found = check(images, 4, 5, stride, padding)
    assert set(found.differences) == {"output", "dL/dW", "dL/dX"}
    assert max(found.differences.values()) <= 1e-12
    assert all(seconds > 0 for pair in found.seconds.values() for seconds in pair.values())


def test_the_check_finds_a_wrong_convolution(embedded, monkeypatch):
    images = embedded.train.images[:4].transpose(0, 3, 1, 2) / 255
    right = Conv2d.forward
    monkeypatch.setattr(Conv2d, "forward", lambda self, x: right(self, x) * (1 + 1e-9))
    assert check(images, 4, 5, 1, 2).differences["output"] > 1e-12


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--images", "0"], "--images must be between 1 and 4096"),
        (["--padding", "-1"], "--padding must be between 0 and 4096"),
        (["--padding", "2000"], "the windows of these images take"),
        (["--kernel", "99"], "gets 32x32 pixels, too few for its 99x99 kernel"),
        (["--stride", "x"], "argument --stride: invalid int value"),
        (["--data", "/nowhere"], "/nowhere"),
    ],
)
def test_a_wrong_flag_of_the_check_is_refused_in_one_line(flags, message, capsys):
    assert main(["--data", "embedded", *flags]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_the_check_prints_differences_times_and_ratio(capsys):
    assert main(["--data", "embedded", "--images", "4"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("4x3x32x32 images, 16 filters of 5x5, stride 1, padding 2\n")
    assert [line.split()[0] for line in printed.splitlines()[2:5]] == ["output", "dL/dW", "dL/dX"]
    assert printed.count("ratio") == 2

"""Float32 is float32 on a GPU too, unless the environment asks for TF32."""

import pytest
import torch

from trainables.device import best_device, dtype_of, tf32_convolutions


@pytest.fixture(autouse=True)
def _as_before():
    flags, precision = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    yield
    torch.backends.cudnn.allow_tf32 = flags
    torch.set_float32_matmul_precision(precision)


def flags() -> tuple[bool, bool, str, bool]:
    """Whether convolutions and products are in TF32, by torch's old names and by its new."""
    backends = torch.backends
    new = {backends.cudnn.conv.fp32_precision, backends.cuda.matmul.fp32_precision}
    matmul = torch.get_float32_matmul_precision()
    return backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32, matmul, "tf32" in new


@pytest.mark.parametrize("value", [None, "", "0"])
def test_choosing_a_device_ends_tf32_whoever_has_asked_torch_for_it(monkeypatch, value):
    monkeypatch.delenv("CONVOY_TF32", raising=False)
    if value is not None:
        monkeypatch.setenv("CONVOY_TF32", value)
    torch.backends.cudnn.allow_tf32 = True
    torch.set_float32_matmul_precision("medium")
    best_device()
    assert flags() == (False, False, "highest", False)


def test_the_environment_asks_for_convolutions_in_tf32(monkeypatch):
    monkeypatch.setenv("CONVOY_TF32", "1")
    best_device()
    assert flags()[:3] == (True, False, "highest")


@pytest.mark.parametrize("enabled", [True, False])
def test_convolutions_are_in_tf32_within_a_block_alone(monkeypatch, enabled):
    monkeypatch.delenv("CONVOY_TF32", raising=False)
    best_device()
    with pytest.raises(KeyError), tf32_convolutions(enabled):
        assert torch.backends.cudnn.allow_tf32 is enabled
        raise KeyError
    assert flags() == (False, False, "highest", False)


@pytest.mark.parametrize("name", ["float16", "", "float32 ", "__name__", "torch.float32"])
def test_no_network_is_evaluated_in_another_format(name):
    with pytest.raises(ValueError, match="neither bfloat16 nor float32"):
        dtype_of(name)

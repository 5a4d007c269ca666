"""What a training was done with: signed by whoever trains, read again from its state."""

import platform
from dataclasses import replace
from importlib.metadata import version

import pytest
import torch

from search.trials import provenance
from search.trials.code_version import CodeVersion
from search.trials.provenance import Provenance, provenance_in, signed
from trainables import checkpoint
from trainables.training import Epoch

NAMES = ("ray", "optuna", "mlflow", "torch", "torchvision", "numpy")


def test_it_names_what_runs_here():
    here = Provenance.current()
    assert here.versions == {
        "python": platform.python_version(),
        **{name: version(name) for name in NAMES},
    }
    assert here.threads == torch.get_num_threads()
    assert here.validation_dtype == here.training_dtype  # a CPU's


def test_a_state_is_read_from_its_file_with_its_signature(tmp_path):
    epoch = signed(Epoch(1, {"val_accuracy": 0.5}, {"weights": torch.ones(2)}), "gap5")
    checkpoint.save(epoch.state, tmp_path / "state.pt")
    state = checkpoint.load(tmp_path / "state.pt")
    assert state["weights"].tolist() == [1.0, 1.0]
    assert provenance_in(state) == Provenance.current("gap5")


def test_the_signature_is_the_trainers_and_not_the_readers(tmp_path):
    """A search's driver may have other hardware than its workers."""
    epoch = signed(Epoch(1, {}, {}), "gap5")
    elsewhere = {**epoch.state["provenance"], "device": "cuda", "device_name": "a GPU"}
    found = provenance_in({"provenance": elsewhere})
    assert (found.device, found.device_name) == ("cuda", "a GPU")


def test_a_state_that_an_earlier_version_left_unsigned_is_of_here_and_validated_in_float32():
    assert provenance_in({"epoch": 3}) == Provenance.current(validation_dtype="float32")


SOUND = Provenance(
    {"torch": "2.15.0"}, "cpu", "float32", "bfloat16", "a CPU", 1, CodeVersion("0.1.0"), {}
)


def test_one_thread_of_a_cpu_repeats_every_bit():
    assert SOUND.repeats


@pytest.mark.parametrize(
    "changed",
    [
        {"threads": 2},
        {"threads": None},
        {"device": "cuda"},
        {"sources": None},
    ],
)
def test_other_threads_devices_or_unknown_code_may_not(changed):
    assert not replace(SOUND, **changed).repeats


def test_a_state_is_signed_with_the_format_that_its_training_is_validated_in():
    epoch = signed(Epoch(1, {}, {"validation_dtype": "float32"}), "gap5")
    assert provenance_in(epoch.state).validation_dtype == "float32"


@pytest.mark.parametrize(
    ("device", "asked", "recorded"), [("cpu", "1", None), ("cuda", "1", True), ("cuda", "0", False)]
)
def test_tf32_is_recorded_where_a_gpu_computes(monkeypatch, device, asked, recorded):
    monkeypatch.setenv("CONVOY_TF32", asked)
    monkeypatch.setattr(provenance, "best_device", lambda: torch.device(device))
    monkeypatch.setattr(provenance, "device_name", lambda _: "a device")
    monkeypatch.setattr(provenance, "training_dtype", lambda _: torch.bfloat16)
    monkeypatch.setattr(provenance, "evaluation_dtype", lambda _: torch.bfloat16)
    assert Provenance.current().tf32 is recorded


@pytest.mark.parametrize(
    ("changed", "precision"),
    [
        ({}, "float32"),
        ({"validation_dtype": "bfloat16"}, "bfloat16"),
        ({"device": "cuda"}, "TF32"),  # of an earlier version
        ({"device": "cuda", "training_dtype": "float32"}, "float32"),  # a GPU without TF32
        ({"device": "cuda", "tf32": False}, "float32"),
        ({"device": "cuda", "tf32": True}, "TF32"),
        ({"device": "cuda", "tf32": True, "validation_dtype": "bfloat16"}, "bfloat16"),
    ],
)
def test_the_precision_of_a_validation_is_told_from_its_record(changed, precision):
    assert replace(SOUND, **changed).validation_precision == precision

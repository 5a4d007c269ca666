"""What a training was done with: signed by whoever trains, read again from its state."""

import platform
from dataclasses import replace
from importlib.metadata import version

import pytest
import torch

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

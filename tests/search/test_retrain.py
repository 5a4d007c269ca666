"""What is said of a replay, by constructed pairs of records and replays."""

from dataclasses import replace

import pytest
import torch

from search.records.run_reader import RecordedRun
from search.reproduce.retrain import EpochPair, Replay, same_bits
from search.reproduce.tolerance import Tolerance
from search.trials.code_version import CodeVersion
from search.trials.provenance import Provenance
from search.trials.record import TrialRecord
from search.trials.spec import Job, TrialSpec
from trainables.data import DataSpec
from trainables.recipe import Setting

FILES = {"trainables/recipe.py": "a" * 64, "mine/net.py": "b" * 64}
CPU = Provenance(
    {"torch": "2"}, "cpu", "float32", "float32", "a CPU", 1, CodeVersion("0.1.0"), FILES
)
JOB = Job("gap5", DataSpec(), "embedded", None, None, 2, 0, 1)
RUN = RecordedRun(
    run_id="a" * 32,
    search="mine",
    record=TrialRecord(TrialSpec(JOB, 0, {}), "", best_epoch=2, best={"val_accuracy": 0.5}),
    setting=Setting.of("gap5", {}, 2, 0),
    data={},
    history={},
    weights={},
    provenance=CPU,
)
SAME = {"val_accuracy": 0.5, "val_loss": 1.25}


def replayed(then=CPU, here=CPU, accuracy=0.5, figures=SAME, weights=True) -> Replay:
    pairs = (EpochPair(1, SAME, SAME), EpochPair(2, SAME, figures))
    run = replace(RUN, provenance=then)
    return Replay(
        run, here, Tolerance(0.02, "a guess"), pairs, 2, {"val_accuracy": accuracy}, weights
    )


def test_equal_figures_and_weights_are_bit_for_bit():
    assert replayed().verdict == "bit for bit"


OTHERS = {
    "a loss in its last bit": {"figures": {**SAME, "val_loss": 1.2500000000000002}},
    "a figure that is missing": {"figures": {"val_accuracy": 0.5}},
    "the best accuracy": {"accuracy": 0.51},
    "the weights": {"weights": False},
}


@pytest.mark.parametrize("what", OTHERS)
def test_where_every_bit_repeats_anything_that_differs_does(what):
    assert replayed(**OTHERS[what]).verdict == "differs"


@pytest.mark.parametrize("what", OTHERS)
@pytest.mark.parametrize(
    "here",
    [
        replace(CPU, device_name="another CPU"),
        replace(CPU, versions={"torch": "3"}),
        replace(CPU, training_dtype="bfloat16"),
        replace(CPU, code=CodeVersion("0.2.0")),
        replace(CPU, sources={**FILES, "mine/net.py": "c" * 64}),
    ],
)
def test_elsewhere_it_may_differ_within_the_tolerance(what, here):
    assert replayed(here=here, **OTHERS[what]).verdict == "within tolerance"


@pytest.mark.parametrize(
    "both",
    [
        replace(CPU, threads=2),
        replace(CPU, device="cuda"),
        replace(CPU, sources=None),
    ],
)
def test_so_it_may_on_more_threads_a_gpu_or_unknown_code_though_nothing_is_known_to_differ(both):
    assert replayed(both, both, weights=False).verdict == "within tolerance"


def test_so_it_may_where_an_older_record_holds_no_source_files():
    assert replayed(replace(CPU, sources=None), weights=False).verdict == "within tolerance"


def test_equal_files_repeat_every_bit_though_git_calls_the_checkout_changed():
    changed = replace(CPU, code=CodeVersion("0.1.0", "a" * 40, True))
    assert replayed(changed, changed, weights=False).verdict == "differs"


@pytest.mark.parametrize("accuracy", [0.47, 0.53])
def test_beyond_the_tolerance_it_differs_anywhere(accuracy):
    elsewhere = replace(CPU, device_name="another CPU")
    assert replayed(here=elsewhere, accuracy=accuracy).verdict == "differs"


def test_what_differs_is_named_then_and_now():
    then = replace(CPU, code=None)
    here = replace(CPU, versions={"torch": "3", "numpy": "2"}, threads=2)
    assert replayed(then, here).differences == {
        "code": ("unknown", "0.1.0"),
        "torch": ("2", "3"),
        "numpy": ("unknown", "2"),
        "threads": ("1", "2"),
    }


def test_a_source_file_that_differs_or_is_absent_is_named():
    here = replace(CPU, sources={"trainables/recipe.py": "d" * 64, "another.py": "e" * 64})
    assert replayed(here=here).changed_files == {
        "trainables/recipe.py": (64 * "a", 64 * "d"),
        "mine/net.py": (64 * "b", "absent"),
    }


def test_an_epoch_that_the_record_lacks_is_no_difference():
    assert EpochPair(1, {}, SAME).equal


TENSOR = {"weight": torch.arange(6.0).reshape(1, 2, 3, 1)}
UNEQUAL = {
    "another name": {"bias": TENSOR["weight"]},
    "one more": {**TENSOR, "bias": torch.zeros(1)},
    "another shape": {"weight": TENSOR["weight"].reshape(6)},
    "another type": {"weight": TENSOR["weight"].double()},
    "the last bit": {"weight": torch.nextafter(TENSOR["weight"], torch.tensor(9.0))},
    "the sign of zero": {
        "weight": TENSOR["weight"] * torch.tensor([-1.0] + [1.0] * 5).view(1, 2, 3, 1)
    },
}


@pytest.mark.parametrize("what", UNEQUAL)
def test_weights_that_differ_in_any_way_are_told_apart(what):
    assert not same_bits(TENSOR, UNEQUAL[what])


def test_weights_are_equal_however_they_lie_in_memory():
    across = {"weight": TENSOR["weight"].to(memory_format=torch.channels_last)}
    assert same_bits(TENSOR, across)
    count = {"batches": torch.tensor(3)}  # batch norm's, which has no dimension
    assert same_bits(count, {"batches": torch.tensor(3)})

"""A certificate's precision: that of the record, with the figure in float32 beside it."""

from dataclasses import replace

import pytest
import torch
from subjects import CPU, recorded

from analysis import certificate as module
from analysis.certificate import Certificate, certify
from analysis.subject import Subject, open_subject
from trainables.data import DataSpec, load
from trainables.data.batches import DeviceSplit
from trainables.device import device_name
from trainables.evaluation import evaluate
from trainables.recipe import Setting

HERE = device_name(CPU)
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


@pytest.fixture(scope="module")
def subjects() -> dict[str, Subject]:
    """One training, validated in either format."""
    spec = DataSpec("composite")
    dataset = load(spec, "embedded").limited(400)
    setting = Setting.of("gap5", {"pool_stride": 2, "lr": 0.003}, 2, 0)
    runs = {name: recorded(setting, spec, dataset, dtype) for name, dtype in DTYPES.items()}
    return {name: open_subject(run, "embedded") for name, run in runs.items()}


@pytest.mark.parametrize("precision", DTYPES)
def test_a_run_is_certified_in_the_precision_of_its_record(subjects, precision):
    found = certify(subjects[precision])
    assert found.certified
    assert found.reloaded_val_accuracy == found.logged_val_accuracy
    assert (found.precision, found.recorded_precision) == (precision, precision)


@pytest.mark.parametrize("precision", DTYPES)
def test_the_figure_in_float32_stands_beside(subjects, precision):
    subject = subjects[precision]
    split = DeviceSplit.of(subject.dataset.val, CPU)
    exact = evaluate(subject.model, split, subject.normalise)
    assert certify(subject).float32_val_accuracy == exact.metrics()["val_accuracy"]


@pytest.mark.parametrize("precision", DTYPES)
def test_test_images_and_shown_ones_are_predicted_in_the_precision_of_the_record(
    subjects, precision
):
    subject = replace(subjects[precision], shown="train")
    pairs = (subject.dataset.test, subject.tested), (subject.dataset.train, subject.evaluation)
    for split, found in pairs:
        on_device = DeviceSplit.of(split, CPU)
        again = evaluate(subject.model, on_device, subject.normalise, DTYPES[precision])
        assert torch.equal(found.logits, again.logits)


def test_logits_that_are_compared_are_in_float32(subjects):
    half = subjects["bfloat16"]
    split = DeviceSplit.of(half.dataset.val, CPU)
    assert torch.equal(half.exact.logits, evaluate(half.model, split, half.normalise).logits)
    assert not torch.equal(half.exact.logits, half.evaluation.logits)
    assert subjects["float32"].exact is subjects["float32"].evaluation


def made(found: Certificate, **changed) -> str:
    figures = {"logged_val_accuracy": 0.6832, "float32_val_accuracy": 0.6834}
    return replace(found, **figures | {"device_name": "a CPU"} | changed).verdict


def test_the_verdict_tells_precision_and_device_and_float32_where_that_is_another(subjects):
    given = "certified: the reloaded weights give the logged 68.32%"
    half, exact = (certify(subjects[name]) for name in DTYPES)
    assert made(half) == f"{given} (bfloat16 on a CPU; 68.34% in float32)"
    assert made(half, emulated=True) == f"{given} (bfloat16, emulated, on a CPU; 68.34% in float32)"
    assert made(exact) == f"{given} (float32 on a CPU)"


def test_a_failed_verdict_tells_both_devices_and_precisions(subjects):
    failed = {"certified": False, "reloaded_val_accuracy": 0.6831, "emulated": True}
    assert made(certify(subjects["bfloat16"]), **failed, recorded_device_name="another") == (
        "not certified: 68.3200% was logged, the reloaded weights give 68.3100% (bfloat16 on "
        "another then, bfloat16, emulated, on a CPU now; 68.3400% in float32)"
    )


def judged(subject: Subject, metric: str, **changed: float) -> Subject:
    """The same run as of a search that judged by ``metric``, with its figures as logged."""
    record = subject.run.record
    job = replace(record.spec.job, metric=metric)
    best = {**subject.validation.metrics(metric), **changed}
    record = replace(record, spec=replace(record.spec, job=job), best=best)
    return replace(subject, run=replace(subject.run, record=record))


@pytest.mark.parametrize("metric", ["auroc", "balanced_accuracy", "macro_f1"])
def test_what_the_search_judged_by_is_computed_again(subjects, metric):
    found = certify(judged(subjects["float32"], metric))
    assert (found.certified, found.metric) == (True, metric)
    assert f"% accuracy and {100 * found.logged_score:.2f}% " in found.verdict
    wrong = certify(judged(subjects["float32"], metric, **{f"val_{metric}": 0.5}))
    assert not wrong.certified
    assert "50.0000%" in wrong.verdict


def test_without_the_hardware_bfloat16_is_emulated_and_said_so(subjects, monkeypatch):
    monkeypatch.setattr(module, "evaluation_dtype", lambda _: torch.float32)
    half, exact = (certify(subjects[name]) for name in DTYPES)
    assert (half.precision, half.emulated) == ("bfloat16", True)
    assert half.certified
    assert not exact.emulated


def test_a_gpus_tf32_is_repeated_in_float32_where_no_gpu_is(subjects):
    subject = subjects["float32"]
    then = replace(subject.run.provenance, device="cuda", training_dtype="bfloat16")
    found = certify(replace(subject, run=replace(subject.run, provenance=then)))
    assert (found.precision, found.recorded_precision) == ("float32", "TF32")
    assert found.certified


@pytest.mark.parametrize(("tf32", "within"), [(None, True), (True, True), (False, False)])
def test_a_gpus_run_is_evaluated_with_tf32_as_its_record_says(subjects, tf32, within):
    seen = []
    subject = subjects["float32"]
    then = replace(subject.run.provenance, device="cuda", training_dtype="bfloat16", tf32=tf32)
    handle = subject.model.register_forward_hook(
        lambda *_: seen.append(torch.backends.cudnn.allow_tf32)
    )
    replace(subject, run=replace(subject.run, provenance=then)).evaluate(subject.dataset.val)
    handle.remove()
    assert set(seen) == {within}

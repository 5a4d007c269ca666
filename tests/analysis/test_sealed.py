"""The test labels of a search: read once, of its winner, and every reading counted."""

import io
import json
import re
import sqlite3
import threading
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import copied_store
from mlflow import MlflowClient
from PIL import Image
from pypdf import PdfReader
from subjects import constructed

from analysis import figures
from analysis.certificate import certify
from analysis.predictions import predictions_text
from analysis.record import Records
from analysis.run import main
from analysis.sealed import COUNT, PREFIX, SHOWN, unseal
from analysis.subject import Subject, open_subject
from analysis.tested_images import fingerprint
from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load
from trainables.data.dataset import UNLABELLED
from trainables.training import network


@dataclass(frozen=True)
class Analysed:
    """An analysis of a run, as a user gets it, and what the store holds of readings then."""

    status: int
    printed: str
    errors: str
    folder: Path
    tags: dict[str, str]
    steps: list[tuple[int, float]]

    @property
    def told(self) -> dict:
        return json.loads((self.folder / "test.json").read_text())

    @property
    def page(self) -> str:
        return (self.folder / "report.html").read_text()

    @property
    def line(self) -> str:
        return next((x for x in self.printed.splitlines() if x.startswith("test: ")), "")


def runs_of(uri: str, condition: str) -> list[str]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("convoy/gap5-embedded").experiment_id
    return [run.info.run_id for run in client.search_runs([experiment], condition)]


def parent_of(uri: str) -> str:
    (parent,) = runs_of(uri, "tags.convoy.kind = 'search'")
    return parent


def other_of(uri: str) -> str:
    """A run that holds its weights and is not the winner's, which the baseline may be."""
    client, (winner,) = MlflowClient(uri), runs_of(uri, "tags.convoy.winner = 'true'")
    others = [run for run in runs_of(uri, "tags.convoy.kind = 'trial'") if run != winner]
    return next(
        run for run in others if "model.pt" in {each.path for each in client.list_artifacts(run)}
    )


def analysed(uri: str, out: Path, *flags: str) -> Analysed:
    """``python -m analysis.run`` with ``flags``, for the search's winner unless they say else."""
    which = [] if "--run" in flags else ["--search", "small"]
    with redirect_stdout(io.StringIO()) as printed, redirect_stderr(io.StringIO()) as errors:
        status = main([*which, "--tracking-uri", uri, "--out", str(out), *flags])
    parent, client = parent_of(uri), MlflowClient(uri)
    tags = {k: v for k, v in client.get_run(parent).data.tags.items() if "test_reading" in k}
    history = client.get_metric_history(parent, "test_accuracy")
    steps = sorted((point.step, point.value) for point in history)
    return Analysed(status, printed.getvalue(), errors.getvalue(), out, tags, steps)


CURVES = ("--only", "curves")


@pytest.fixture(scope="module", autouse=True)
def _two_figures():
    """A whole analysis draws two figures here, which is soon done."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "available", lambda: dict.fromkeys(("curves", "schedule"), ""))
        yield


@pytest.fixture(scope="module")
def story(finished, tmp_path_factory) -> dict[str, Analysed]:
    """Five analyses of one search, one after the other."""
    folder = tmp_path_factory.mktemp("story")
    uri = copied_store(finished, folder)
    other = ("--run", other_of(uri))
    steps = {
        "other": other,
        "first": (),
        "later": (),
        "again": ("--read-test", *CURVES),
        "shown": (*other, "--split", "test", "--read-test"),
    }
    return {name: analysed(uri, folder / name, *flags) for name, flags in steps.items()}


@pytest.fixture(scope="module")
def winner(finished):
    records = Records(finished.uri)
    return records.load(records.winner_of("small"))


@pytest.fixture(scope="module")
def slow(story, winner, embedded) -> dict[str, tuple[int, int]]:
    """Of each figure how many images it is right on, and of how many, an image at a time.

    In the precision in which the search validated: the head, the last layer, alone is in float32.
    """
    torch.set_num_threads(1)
    model = network(winner.setting, embedded).eval()
    weights = torch.load(story["first"].folder / "model.pt", weights_only=True)
    model.load_state_dict(weights)
    mean, std = (torch.tensor(v).float()[:, None, None] for v in (embedded.mean, embedded.std))
    groups: dict[str, list[bool]] = {}
    test = embedded.test
    for image, label, digit in zip(test.images, test.labels, test.digits, strict=True):
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
        with torch.no_grad():
            with torch.autocast("cpu", torch.bfloat16):
                features = model[:-1](((pixels - mean) / std)[None])
            guess = int(model[-1](features.float()).argmax())
        groups.setdefault("test_accuracy", []).append(guess == label)
        kind = "aligned" if digit == label else "conflicting"
        groups.setdefault(f"test_accuracy_{kind}", []).append(guess == label)
        if digit != label:
            groups.setdefault("test_digit_following", []).append(guess == digit)
    return {name: (sum(hits), len(hits)) for name, hits in groups.items()}


def test_the_first_analysis_of_a_winner_records_one_reading(story, winner):
    first = story["first"]
    assert first.status == 0
    assert [step for step, _ in first.steps] == [1]
    assert first.tags["convoy.test_readings"] == "1"
    (text,) = (text for key, text in first.tags.items() if key.startswith(PREFIX))
    reading = json.loads(text)
    assert reading["run_id"] == winner.run_id
    assert reading["fingerprint"] == winner.data["fingerprint"]
    assert reading["command"] == "analysis.run"
    age = datetime.now(UTC) - datetime.fromisoformat(reading["time"])
    assert 0 < age.total_seconds() < 3600


def test_the_figures_that_are_read_equal_a_loop_over_the_test_images(story, slow):
    (reading,) = story["first"].told["readings"]
    found = {n: (e["value"] * e["images"], e["images"]) for n, e in reading["estimates"].items()}
    assert found == {name: pytest.approx(counts) for name, counts in slow.items()}
    assert story["first"].steps == [(1, pytest.approx(slow["test_accuracy"][0] / 1000))]


def test_the_interval_is_wilsons(story, slow):
    right, images = slow["test_accuracy"]
    share, z = right / images, 1.959963984540054
    centre = (share + z**2 / (2 * images)) / (1 + z**2 / images)
    half = z / (1 + z**2 / images) * (share * (1 - share) / images + (z / images) ** 2 / 4) ** 0.5
    found = story["first"].told["readings"][0]["estimates"]["test_accuracy"]
    assert (found["low"], found["high"]) == pytest.approx((centre - half, centre + half))


def test_the_terminal_tells_the_first_reading_in_one_line(story, slow):
    right, images = slow["test_accuracy_conflicting"]
    accuracy = f"{slow['test_accuracy'][0] / 10:.2f}%"
    line = story["first"].line
    assert line.startswith(f"test: {accuracy} of 1,000 sealed images (first reading, 20")
    assert line.endswith(f"); {100 * right / images:.1f}% where the digit conflicts")


def test_the_report_has_the_accuracy_its_interval_and_the_reading_among_its_facts(story):
    (reading,) = story["first"].told["readings"]
    found = reading["estimates"]["test_accuracy"]
    ends = f"95% interval {100 * found['low']:.1f} to {100 * found['high']:.1f}"
    fact = f"<dt>Test accuracy</dt><dd>{100 * found['value']:.2f}% ({ends}), first reading, 20"
    assert fact in story["first"].page
    assert "no longer a clean estimate" not in story["first"].page


def test_a_later_analysis_shows_the_first_reading_and_adds_none(story):
    first, later = story["first"], story["later"]
    assert later.steps == first.steps
    assert later.told["readings"] == first.told["readings"]
    assert ", as recorded)" in later.line
    assert "first reading, 20" in later.page


def test_a_reading_that_is_asked_for_again_is_counted_and_told(story):
    again = story["again"]
    assert [step for step, _ in again.steps] == [1, 2]
    assert again.tags["convoy.test_readings"] == "2"
    assert "(second reading of these test images, 20" in again.line
    remark = "were read 2 times, of one run: accuracy on them is no longer a clean estimate"
    assert remark in again.printed
    assert remark in again.page
    assert remark in again.told["remark"]


def test_the_report_shows_every_reading(story):
    page, readings = story["shown"].page, story["shown"].told["readings"]
    text = PdfReader(story["shown"].folder / "report.pdf").pages[0].extract_text()
    text = " ".join(text.split())
    for number, reading in enumerate(readings, 1):
        found = f"{100 * reading['estimates']['test_accuracy']['value']:.2f}%"
        row = page[page.index(f"<dt>Reading {number}</dt><dd>20") :].split("</dd>")[0]
        assert f"{found} (95% interval" in row
        assert f"run {reading['run_id'][:8]}, by {reading['command']}" in row
        assert f"run {reading['run_id'][:8]}" in text
    assert len(readings) == 3
    assert "no longer a clean estimate" in text


def test_figures_of_the_test_images_count_as_a_reading_of_their_run(story, winner):
    shown = story["shown"]
    assert [step for step, _ in shown.steps] == [1, 2, 3]
    last = shown.told["readings"][-1]
    assert last["run_id"] != winner.run_id
    assert last["command"] == "analysis.run --split test"
    assert "(third reading of these test images, 20" in shown.line
    assert "as --split test shows their labels" in shown.line
    assert "were read 3 times, of 2 runs" in shown.printed


def test_a_run_that_is_no_winner_is_not_read(story):
    other = story["other"]
    assert (other.status, other.tags, other.steps) == (0, {}, [])
    assert other.line == ""
    assert "Test accuracy" not in other.page
    assert other.told["readings"] == []


def test_another_winner_is_read_too_and_that_is_told(finished, tmp_path):
    uri, client = copied_store(finished, tmp_path), MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (old,), new = runs_of(uri, "tags.convoy.winner = 'true'"), other_of(uri)
    analysed(uri, tmp_path / "old")
    client.delete_tag(old, "convoy.winner")
    client.set_tag(new, "convoy.winner", "true")
    found = analysed(uri, tmp_path / "new")
    assert [reading["run_id"] for reading in found.told["readings"]] == [old, new]
    assert "were read 2 times, of 2 runs" in found.page
    assert "(second reading of these test images, 20" in found.line


def test_a_comparison_on_the_test_images_is_a_reading_of_both_runs(finished, tmp_path):
    uri = copied_store(finished, tmp_path)
    runs = [Records(uri).winner_of("small"), other_of(uri)]
    flags = [flag for run in runs for flag in ("--run", run)]
    found = analysed(uri, tmp_path / "out", *flags, "--split", "test")
    assert found.status == 0
    assert {json.loads(v)["run_id"] for k, v in found.tags.items() if k.startswith(PREFIX)} == {
        *runs
    }
    assert found.printed.count("as --split test shows their labels") == 2


def test_a_comparison_on_validation_images_is_none(finished, tmp_path):
    uri = copied_store(finished, tmp_path)
    flags = ["--run", Records(uri).winner_of("small"), "--run", other_of(uri)]
    assert analysed(uri, tmp_path / "out", *flags).tags == {}


def refuse(uri: str, table: str) -> None:
    """Have the store fail to write to ``table``: what is written goes to no table, too."""
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as store, store:
        copy = "insert into nowhere values (1)"
        store.execute(f"create trigger refused before insert on {table} begin {copy}; end")


def accept(uri: str) -> None:
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as store, store:
        store.execute("drop trigger refused")


def test_a_reading_that_the_store_refuses_is_shown_and_said_to_be_unrecorded(finished, tmp_path):
    uri = copied_store(finished, tmp_path)
    refuse(uri, "tags")
    found = analysed(uri, tmp_path / "out", "--quiet")
    assert (found.status, found.tags, found.steps) == (3, {}, [])
    model, reading = found.errors.splitlines()
    assert model.startswith("the model is written, but could not be logged: sqlite:")
    assert reading.startswith("this reading of the test labels was not recorded: sqlite:")
    assert "% of 1,000 sealed images (first reading" in found.line
    assert "This reading of the test labels could not be recorded" in found.page
    assert "nowhere" in found.told["unrecorded"]
    accept(uri)
    later = analysed(uri, tmp_path / "later")
    assert (later.status, [step for step, _ in later.steps]) == (0, [1])


def test_a_winner_whose_search_has_no_record_is_not_read_and_that_is_said(finished, tmp_path):
    uri = copied_store(finished, tmp_path)
    MlflowClient(uri).delete_tag(Records(uri).winner_of("small"), "mlflow.parentRunId")
    found = analysed(uri, tmp_path / "out")
    missing = "as the parent run of search small, which records readings, is missing"
    assert (found.status, found.tags) == (0, {})
    assert found.line == f"test: not read, {missing}"
    assert f"<dt>Test accuracy</dt><dd>not read, {missing}</dd>" in found.page
    asked = analysed(uri, tmp_path / "asked", *CURVES, "--read-test")
    assert asked.status == 3
    assert "% of 1,000 sealed images" in asked.line
    assert "could not be recorded" in asked.page


@pytest.mark.parametrize(
    ("key", "value"), [("convoy.search_id", "of-another"), ("convoy.kind", "ablation")]
)
def test_a_parent_that_is_another_searchs_is_none(finished, tmp_path, winner, key, value):
    uri = copied_store(finished, tmp_path)
    assert Records(uri).parent_of(winner.run_id).info.run_id == parent_of(uri)
    MlflowClient(uri).set_tag(parent_of(uri), key, value)
    assert Records(uri).parent_of(winner.run_id) is None


class Meeting(Records):
    """Records whose readers wait for each other once they have seen what was read before."""

    def __init__(self, uri: str, barrier: threading.Barrier) -> None:
        super().__init__(uri)
        self._barrier, self._met = barrier, False

    def parent_of(self, run_id):
        found = super().parent_of(run_id)
        if not self._met:
            self._met = True
            self._barrier.wait(60)
        return found


def test_two_analyses_at_once_are_two_readings(finished, tmp_path, winner):
    uri, barrier = copied_store(finished, tmp_path), threading.Barrier(2)
    subjects = [open_subject(winner, "embedded", "val", Meeting(uri, barrier)) for _ in range(2)]
    threads = [threading.Thread(target=unseal, args=(subject,)) for subject in subjects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seal = unseal(subjects[0])
    assert seal.fresh is None
    assert len(seal.readings) == 2
    assert "were read 2 times, of one run" in seal.spent
    assert len(MlflowClient(uri).get_metric_history(parent_of(uri), "test_accuracy")) == 2


class Overtaken(Records):
    """Records in which another analysis reads the test before the first one has counted."""

    def annotate(self, run_id, metrics=(), tags=None):
        if tags and COUNT in tags and tags[COUNT] == "1":
            others = {f"{PREFIX}20990101T000000.000000Z": json.dumps(SOUND), COUNT: "2"}
            super().annotate(run_id, tags=others)
        super().annotate(run_id, metrics, tags)


def test_a_reading_that_another_overtakes_is_counted_with_it(finished, tmp_path, winner):
    uri = copied_store(finished, tmp_path)
    seal = unseal(open_subject(winner, "embedded", "val", Overtaken(uri)))
    assert len(seal.readings) == 2
    assert MlflowClient(uri).get_run(parent_of(uri)).data.tags[COUNT] == "2"


SOUND = {
    "time": "2026-11-26T22:10:00.5+01:00",
    "run_id": "a" * 32,
    "command": "analysis.run",
    "fingerprint": "b" * 64,
    "estimates": {"test_accuracy": {"value": 0.5, "low": 0.4, "high": 0.6, "images": 100}},
}
DAMAGES = [
    "",
    "[]",
    json.dumps({**SOUND, "time": "2026-11-26T22:10:00"}),
    json.dumps({**SOUND, "time": "0001-01-01T00:00:00+14:00"}),
    json.dumps({**SOUND, "run_id": "\x1b[31m"}),
    json.dumps({**SOUND, "command": "rm"}),
    json.dumps({**SOUND, "estimates": {}}),
    json.dumps(SOUND).replace("0.5,", "NaN,"),
    json.dumps(SOUND).replace('"images": 100', '"images": 0'),
]


@pytest.fixture(scope="module")
def store(finished, tmp_path_factory) -> str:
    return copied_store(finished, tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def subject(winner, store) -> Subject:
    return open_subject(winner, "embedded", "val", Records(store))


@pytest.mark.parametrize("text", DAMAGES)
def test_a_damaged_reading_is_refused(store, subject, text):
    MlflowClient(store).set_tag(parent_of(store), f"{PREFIX}1", text)
    with pytest.raises(UsageError, match=r"among the tags .* of run .*, is damaged"):
        unseal(subject)


def test_an_analysis_with_a_damaged_reading_ends_in_one_line(finished, tmp_path):
    uri, out = copied_store(finished, tmp_path), tmp_path / "out"
    MlflowClient(uri).set_tag(parent_of(uri), f"{PREFIX}1", "damaged")
    found = analysed(uri, out)
    assert found.status == 2
    assert found.errors.count("\n") == 1
    assert f"{PREFIX}* of run {parent_of(uri)}, is damaged" in found.errors
    written = {path.name for path in out.iterdir()}  # what comes before the test labels
    assert written == {"certificate.json", "predictions.txt", "model.pt", "model"}


def test_a_reading_of_another_zone_is_read_back(store, subject):
    text = json.dumps({**SOUND, "run_id": subject.run.run_id})
    MlflowClient(store).set_tag(parent_of(store), f"{PREFIX}1", text)
    seal = unseal(subject)
    assert seal.fresh is None
    assert seal.shown.time == datetime(2026, 11, 26, 21, 10, 0, 500_000, UTC)
    assert seal.shown.accuracy.value == 0.5


def without_labels(subject):
    test = subject.dataset.test
    sealed = replace(test, labels=np.full_like(test.labels, UNLABELLED))
    return replace(subject, dataset=replace(subject.dataset, test=sealed))


def test_an_unlabelled_test_split_is_not_read_and_nothing_is_said():
    subject = without_labels(constructed("gap5"))
    seal = unseal(replace(subject, run=replace(subject.run, is_winner=True)))
    assert (seal.readings, seal.line, seal.spent) == ((), "", "")


def test_an_empty_test_split_is_not_read():
    subject = constructed("gap5")
    empty = replace(subject.dataset, test=subject.dataset.test.take(np.array([], dtype=int)))
    winner = replace(subject.run, is_winner=True)
    assert unseal(replace(subject, dataset=empty, run=winner)).readings == ()


def test_without_digits_the_accuracy_alone_is_read():
    subject = constructed("conv3", "cifar10")
    right = subject.tested.predictions.numpy() == load(DataSpec(), "embedded").test.labels
    (reading,) = unseal(replace(subject, shown="test"), SHOWN).readings
    assert reading.estimates.keys() == {"test_accuracy"}
    assert reading.accuracy.value == pytest.approx(np.mean(right))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--run", "OTHER"), "the test labels are read only for winners"),
        (
            ("--run", "OTHER", "--run", "WINNER"),
            "in a comparison, --split test reads the test labels",
        ),
    ],
)
def test_reading_again_is_refused_where_there_is_nothing_to_read(
    finished, tmp_path, flags, message
):
    out, known = tmp_path / "out", {"OTHER": other_of(finished.uri)}
    known["WINNER"] = Records(finished.uri).winner_of("small")
    found = analysed(finished.uri, out, *(known.get(f, f) for f in flags), "--read-test")
    assert (found.status, found.tags) == (2, {})
    assert message in found.errors
    assert found.errors.count("\n") == 1
    assert not out.exists()


GLANCES = {
    "one figure": CURVES,
    "one figure of the training images": (*CURVES, "--split", "train"),
    "a whole analysis without the test": ("--no-test",),
}


@pytest.mark.parametrize("flags", GLANCES.values(), ids=GLANCES)
def test_a_glance_leaves_the_test_sealed_and_says_so(finished, tmp_path, flags):
    found = analysed(copied_store(finished, tmp_path), tmp_path / "out", *flags)
    assert (found.status, found.tags, found.steps) == (0, {}, [])
    assert found.told["readings"] == []
    assert found.line.startswith("test: not read, as this analysis keeps its labels sealed")
    assert "<dt>Test accuracy</dt><dd>not read, as this analysis" in found.page


def test_a_glance_at_a_winner_that_was_read_shows_its_reading(story, finished, tmp_path):
    uri = copied_store(finished, tmp_path)
    first = analysed(uri, tmp_path / "first")
    glance = analysed(uri, tmp_path / "glance", *CURVES)
    assert glance.tags == first.tags
    assert "first reading, 20" in glance.page


REFUSED = {
    "figures of test images": (*CURVES, "--split", "test"),
    "figures of test images of another run": ("--run", "OTHER", "--split", "test"),
    "nothing to read and to show": ("--no-test", "--split", "test"),
    "both": ("--no-test", "--read-test"),
    "a comparison": ("--run", "OTHER", "--run", "WINNER", "--split", "test", "--no-test"),
}


@pytest.mark.parametrize("flags", REFUSED.values(), ids=REFUSED)
def test_test_labels_are_shown_only_where_they_may_be_read(finished, tmp_path, flags):
    known = {"OTHER": other_of(finished.uri), "WINNER": Records(finished.uri).winner_of("small")}
    found = analysed(finished.uri, tmp_path / "out", *(known.get(f, f) for f in flags))
    assert (found.status, found.tags, found.errors.count("\n")) == (2, {}, 1)
    assert "test" in found.errors
    assert not (tmp_path / "out").exists()


def test_certificate_and_predictions_need_no_test_label(winner, store):
    subject = open_subject(winner, "embedded", "val", Records(store))
    assert predictions_text(without_labels(subject)) == predictions_text(subject)
    assert certify(without_labels(subject)).certified


def second_search(uri: str, **changes: object) -> str:
    """Record a reading of another search; the id of the run that it is kept on."""
    client = MlflowClient(uri)
    experiment = client.create_experiment("convoy/another")
    tags = {"convoy.kind": "search", "convoy.search": "another", "convoy.search_id": "another"}
    run = client.create_run(experiment, tags=tags).info.run_id
    client.set_tag(run, f"{PREFIX}1", json.dumps(SOUND | changes))
    return run


@pytest.fixture(scope="module")
def images(winner) -> str:
    return fingerprint(open_subject(winner, "embedded"))


def test_a_reading_of_another_search_counts_where_it_is_of_the_same_test_images(
    finished, tmp_path, images
):
    uri = copied_store(finished, tmp_path)
    second_search(uri, test_images=images)
    found = analysed(uri, tmp_path / "out")
    assert re.search(
        r"\(second reading of these test images, 20.*; first: search another, 20.*\)", found.line
    )
    assert "were read 2 times, of 2 runs of 2 searches: accuracy" in found.page
    assert "search another, run aaaaaaaa, by analysis.run" in found.page


def test_a_reading_counts_though_its_search_is_in_the_trash(finished, tmp_path, winner, images):
    uri = copied_store(finished, tmp_path)
    MlflowClient(uri).delete_run(second_search(uri, test_images=images))
    assert len(unseal(open_subject(winner, "embedded", "val", Records(uri))).readings) == 2


def test_a_reading_of_an_earlier_version_counts_where_the_data_are_the_same(
    finished, tmp_path, winner
):
    uri = copied_store(finished, tmp_path)
    second_search(uri, fingerprint=winner.data["fingerprint"])
    assert len(unseal(open_subject(winner, "embedded", "val", Records(uri))).readings) == 2


def test_a_reading_of_an_earlier_version_counts_where_its_data_have_the_same_test_images(
    finished, tmp_path, winner, images
):
    uri = copied_store(finished, tmp_path)
    run = second_search(uri, test_images=images)
    MlflowClient(uri).set_tag(run, f"{PREFIX}2", json.dumps(SOUND))  # of the same data
    assert len(unseal(open_subject(winner, "embedded", "val", Records(uri))).readings) == 3


@pytest.mark.parametrize("text", [json.dumps(SOUND), "damaged"])
def test_what_is_recorded_of_other_test_images_is_no_reading_of_these(
    finished, tmp_path, winner, text
):
    uri = copied_store(finished, tmp_path)
    MlflowClient(uri).set_tag(second_search(uri), f"{PREFIX}1", text)
    assert len(unseal(open_subject(winner, "embedded", "val", Records(uri))).readings) == 1


def test_a_damaged_reading_of_the_same_test_images_is_refused(finished, tmp_path, winner, images):
    uri = copied_store(finished, tmp_path)
    second_search(uri, test_images=images, command="rm")
    with pytest.raises(UsageError, match="is damaged"):
        unseal(open_subject(winner, "embedded", "val", Records(uri)))


def folder_of_images(root: Path, name: str, train: int, rng_of_test: int = 0) -> Path:
    """Three classes of noise; the test images are drawn apart from the others."""
    for split, count, seed in (("train", train, train), ("val", 2, 1), ("test", 4, rng_of_test)):
        rng = np.random.default_rng([seed, len(split)])
        for label in ("cat", "dog", "owl"):
            (root / name / split / label).mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / name / split / label / f"{index}.png")
    return root / name


def fingerprint_of(folder: Path, **spec: object) -> str:
    data = load(DataSpec(**spec), str(folder))
    return fingerprint(replace(constructed("gap5"), dataset=data, source=str(folder)))


def test_the_fingerprint_is_of_the_test_images_and_their_labels_alone(tmp_path):
    plain = folder_of_images(tmp_path, "plain", 3)
    same = fingerprint_of(plain)
    assert fingerprint_of(plain, image_size=8) == same
    assert fingerprint_of(folder_of_images(tmp_path, "more", 5)) == same
    renamed = folder_of_images(tmp_path, "renamed", 3)
    for file in (renamed / "test").rglob("*.png"):
        file.rename(file.with_name(f"{9 - int(file.stem)}.png"))
    (renamed / "test").rename(renamed / "Test")
    assert fingerprint_of(renamed) == same
    assert fingerprint_of(folder_of_images(tmp_path, "other", 3, rng_of_test=1)) != same
    moved = folder_of_images(tmp_path, "moved", 3)
    (moved / "test" / "cat" / "0.png").rename(moved / "test" / "owl" / "9.png")
    assert fingerprint_of(moved) != same


@pytest.mark.parametrize("spec", [DataSpec(forced=0), DataSpec(val_alignment=0.64)])
def test_digits_that_are_drawn_anew_leave_the_fingerprint_of_composite_images(embedded, spec):
    subject = constructed("gap5")
    other = replace(subject, dataset=load(spec, "embedded"))
    assert fingerprint(other) == fingerprint(subject)
    assert fingerprint(replace(subject, dataset=embedded.limited(100, 100))) == fingerprint(subject)
    assert fingerprint(constructed("conv3", "cifar10")) != fingerprint(subject)

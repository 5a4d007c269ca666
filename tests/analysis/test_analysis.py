"""From a recorded search to its certificate, predictions and figures."""

import csv
import io
import json
import re
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import copied_store, run_here
from mlflow import MlflowClient
from PIL import Image
from pypdf import PdfReader
from rich.console import Console
from sklearn.metrics import confusion_matrix

from analysis import figures
from analysis.certificate import certify
from analysis.figures import NotApplicableError
from analysis.output import progress
from analysis.record import Records
from analysis.run import _folder, main
from analysis.subject import Subject, open_subject
from trainables.boundary.errors import UsageError
from trainables.data import DataSpec, load
from trainables.data.export import export


@pytest.fixture(scope="module")
def run(finished):
    records = Records(finished.uri)
    return records.load(records.winner_of("small"))


@pytest.fixture(scope="module")
def subject(run, finished) -> Subject:
    return open_subject(run, "embedded", "val", Records(finished.uri))


@pytest.fixture(scope="module")
def store(finished, tmp_path_factory) -> str:
    """A copy of the small search's store, as an analysis adds to it."""
    return copied_store(finished, tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def written(store, tmp_path_factory) -> Path:
    """What ``python -m analysis.run`` writes for the small search."""
    out = tmp_path_factory.mktemp("analysis")
    flags = ["--space", "gap5", "--data", "embedded", "--tracking-uri", store, "--out", str(out)]
    status, printed = run_here(main, flags)
    assert status == 0, printed
    assert "certified: the reloaded weights give the logged" in printed
    assert "registered: models:/convoy-gap5-embedded@winner (version 1)" in printed
    return out


def files_in(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


MODEL = {
    f"model/{name}"
    for name in ("model.pt2", "model.onnx", "labels.json", "weights.pt", "predict.py")
}
REPORT = {"report.html", "report.pdf", "report.json"}


def test_it_writes_weights_predictions_certificate_report_and_every_figure_that_applies(
    written, subject
):
    drawn = {path.stem for path in (written / "figures").iterdir()}
    for name in figures.available().keys() - drawn:
        with pytest.raises(NotApplicableError):
            figures.drawer(name)(subject)
    images = {f"figures/{name}.{kind}" for name in drawn for kind in ("png", "json")}
    assert set(files_in(written)) == CERTIFIED | {"test.json"} | REPORT | images


def test_report_and_figures_are_logged_to_the_run(written, run, store, tmp_path):
    MlflowClient(store).download_artifacts(run.run_id, "analysis", str(tmp_path))
    logged, made = files_in(tmp_path / "analysis"), files_in(written)
    assert set(logged) == REPORT | {name for name in made if name.startswith("figures/")}
    assert all(made[name] == content for name, content in logged.items())


def test_a_report_of_one_figure_holds_that_alone(finished, tmp_path):
    uri, out = copied_store(finished, tmp_path), tmp_path / "out"
    flags = ["--search", "small", "--tracking-uri", uri, "--out", str(out)]
    assert main([*flags, "--only", "curves", "curves"]) == 0
    assert (out / "report.html").read_text().count("<img") == 1
    assert {path.name for path in (out / "figures").iterdir()} == {"curves.png", "curves.json"}


def test_without_a_terminal_a_line_a_figure_tells_how_far_it_has_come(capsys):
    names = ["curves", "filters"]
    assert list(progress(names, Console(), quiet=False)) == names
    told = capsys.readouterr()
    assert told.out == ""
    lines = [rf"figure {n} of 2: {name}, after \d+ s" for n, name in enumerate(names, 1)]
    assert re.fullmatch("\n".join([*lines, ""]), told.err)


def test_nobody_is_told_who_asks_for_quiet(capsys):
    assert list(progress(["curves"], Console(), quiet=True)) == ["curves"]
    assert list(progress(["curves"], Console(quiet=True), quiet=False)) == ["curves"]
    assert capsys.readouterr() == ("", "")


@dataclass(frozen=True)
class Adding:
    """A whole report of two figures, to which ``--only`` may add."""

    uri: str
    out: Path
    run_id: str

    def analyse(self, *flags: str, out: Path | None = None) -> tuple[int, str]:
        where = ["--tracking-uri", self.uri, "--out", str(out or self.out)]
        return run_here(main, ["--search", "small", *where, *flags])

    @property
    def drawn(self) -> list[str]:
        return json.loads((self.out / "report.json").read_text())["drawn"]

    def logged(self, folder: Path) -> Path:
        folder.mkdir()
        MlflowClient(self.uri).download_artifacts(self.run_id, "analysis", str(folder))
        return folder / "analysis"


@pytest.fixture
def adding(finished, tmp_path, run) -> Adding:
    uri, out = copied_store(finished, tmp_path), tmp_path / "out"
    made = Adding(uri, out, run.run_id)
    assert made.analyse("--only", "history", "curves")[0] == 0
    return made


def headings(folder: Path) -> list[str]:
    page = (folder / "report.html").read_text()
    return re.findall(r"<h3[^>]*>([^<]*)</h3>", page)


def test_only_adds_its_figures_to_the_report_in_the_usual_order(adding, tmp_path):
    before = files_in(adding.out / "figures")
    assert adding.analyse("--only", "schedule", "confusion")[0] == 0
    assert adding.drawn == ["confusion", "curves", "schedule", "history"]
    whole = ["Confusion matrix", "Training curves", "Learning rate schedule", "Search history"]
    logged = adding.logged(tmp_path / "logged")
    assert headings(adding.out) == headings(logged) == whole
    assert len(PdfReader(adding.out / "report.pdf").pages) >= 4
    assert before.items() <= files_in(adding.out / "figures").items()
    assert files_in(logged / "figures") == files_in(adding.out / "figures")
    assert (adding.out / "report.html").read_text().count("<img") == 4


def test_only_adds_to_the_logged_report_whatever_the_folder_holds(adding, tmp_path):
    other = tmp_path / "other"
    assert adding.analyse("--only", "schedule", out=other)[0] == 0
    assert headings(other) == ["Learning rate schedule"]
    logged = adding.logged(tmp_path / "logged")
    assert headings(logged) == ["Training curves", "Learning rate schedule", "Search history"]


def test_a_figure_that_fails_now_takes_its_earlier_picture_with_it(adding, tmp_path, monkeypatch):
    def fail(subject):
        raise ZeroDivisionError("of no kind")

    draw = figures.drawer
    monkeypatch.setattr(figures, "drawer", lambda n: fail if n == "curves" else draw(n))
    assert adding.analyse("--only", "curves")[0] == 3
    report = json.loads((adding.out / "report.json").read_text())
    assert (report["drawn"], [*report["failed"]]) == (["history"], ["curves"])
    for folder in (adding.out, adding.logged(tmp_path / "logged")):
        assert {path.stem for path in (folder / "figures").iterdir()} == {"history"}
        assert "of no kind" in (folder / "report.html").read_text()
    monkeypatch.undo()
    assert adding.analyse("--only", "curves")[0] == 0
    assert json.loads((adding.out / "report.json").read_text())["failed"] == {}


def _edited(file: Path, **values: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


LOSSES = {
    "no image": lambda out: (out / "figures" / "curves.png").unlink(),
    "half an image": lambda out: (out / "figures" / "curves.png").write_bytes(b"\x89PNG\r\n"),
    "no numbers": lambda out: (out / "figures" / "curves.json").write_text("[1]"),
    "an earlier version": lambda out: _edited(out / "report.json", figures={}),
}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_a_figure_of_which_the_record_is_not_whole_is_drawn_anew(adding, lose):
    lose(adding.out)
    status, printed = adding.analyse("--only", "schedule")
    assert status == 0
    assert adding.drawn == ["curves", "schedule", "history"]
    assert "drawn again, as their files of an earlier analysis are incomplete: curves" in printed
    assert "curves" in json.loads((adding.out / "report.json").read_text())["figures"]


STRANGE = {
    "of another run": {"run_id": "another"},
    "of other images": {"split": "train"},
    "with a figure elsewhere": {"drawn": ["../../secret"]},
    "of no form": {"drawn": 3},
}


@pytest.mark.parametrize("values", STRANGE.values(), ids=STRANGE)
def test_a_report_of_something_else_is_not_added_to(adding, values):
    _edited(adding.out / "report.json", **values)
    before = files_in(adding.out)
    status, printed = adding.analyse("--only", "schedule")
    assert (status, files_in(adding.out)) == (2, before)
    assert "leave out --only to replace it, or give another --out" in printed


def test_every_run_and_split_has_a_default_folder_of_its_own(run):
    other = replace(run, is_winner=False)
    places = [_folder(each, split) for each in (run, other) for split in ("val", "train")]
    names = [str(place.relative_to(Path("runs").resolve())) for place in places]
    short = run.run_id[:8]
    assert names == [
        "small/analysis",
        "small/analysis-train",
        f"small/analysis-{short}",
        f"small/analysis-train-{short}",
    ]


def test_a_store_that_refuses_the_report_costs_one_line_and_no_file(
    finished, tmp_path, capsys, monkeypatch
):
    def refuse(*_):
        raise OSError("no space\nleft on device")

    monkeypatch.setattr(MlflowClient, "log_artifacts", refuse)
    uri, out = copied_store(finished, tmp_path), tmp_path / "out"
    flags = ["--search", "small", "--tracking-uri", uri, "--out", str(out)]
    assert main([*flags, "--only", "curves", "--quiet"]) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "could not be logged" in error
    assert set(files_in(out)) > REPORT


CERTIFIED = {"model.pt", "predictions.txt", "certificate.json", *MODEL}
FAULTS = {
    "any": ZeroDivisionError("of no\nkind"),
    "memory": MemoryError(),
    "Pillow's": Image.DecompressionBombError("241 megapixels"),
    "a refusal": UsageError("make it nn.ReLU()"),
}


@pytest.fixture
def failing(finished, tmp_path, monkeypatch):
    """An analysis of two figures, of which ``curves`` raises an error."""

    def analyse(error: BaseException) -> tuple[int, Path]:
        def fail(subject):
            raise error

        out, draw = tmp_path / "out", figures.drawer
        monkeypatch.setattr(figures, "drawer", lambda n: fail if n == "curves" else draw(n))
        uri = copied_store(finished, tmp_path)
        flags = ["--search", "small", "--tracking-uri", uri, "--out", str(out)]
        return main([*flags, "--quiet", "--only", "curves", "schedule"]), out

    return analyse


@pytest.mark.parametrize("kind", FAULTS)
def test_a_figure_that_fails_costs_itself_alone_and_is_named_everywhere(failing, kind, capsys):
    status, out = failing(FAULTS[kind])
    told = capsys.readouterr().err
    report = json.loads((out / "report.json").read_text())
    reason = report["failed"]["curves"]
    assert status == 3
    assert told == f"figure curves could not be drawn: {reason}\n"
    assert reason.startswith(
        ("ZeroDivisionError: of no kind (", "MemoryError", "Decompress", "make")
    )
    assert report["drawn"] == ["schedule"]
    assert (
        escape(reason, quote=True).replace("&#x27;", "&#39;") in (out / "report.html").read_text()
    )
    drawn = {"figures/schedule.png", "figures/schedule.json", "test.json"}
    assert set(files_in(out)) == CERTIFIED | REPORT | drawn


def test_a_figure_that_fails_leaves_none_of_an_earlier_analysis_behind(failing, tmp_path):
    stale = tmp_path / "out" / "figures" / "curves.png"
    stale.parent.mkdir(parents=True)
    stale.write_text("of before")
    failing(FAULTS["any"])
    assert not stale.exists()


def test_an_analysis_that_is_stopped_while_it_draws_has_certified_and_predicted(failing, tmp_path):
    with pytest.raises(SystemExit):
        failing(SystemExit(1))
    assert set(files_in(tmp_path / "out")) == CERTIFIED


def test_a_figure_that_does_not_apply_is_no_failure(written):
    report = json.loads((written / "report.json").read_text())
    assert report["failed"] == {}
    assert "gabor" in report["drawn"] or "gabor" in report["not_applicable"]


def test_the_winner_is_certified(written, finished):
    certificate = json.loads((written / "certificate.json").read_text())
    assert certificate["certified"] is True
    assert certificate["logged_val_accuracy"] == finished.summary["best"]["val_accuracy"]
    assert certificate["reloaded_val_accuracy"] == pytest.approx(
        certificate["logged_val_accuracy"], abs=1e-6
    )
    assert certificate["val_images"] == 300


def test_the_written_weights_are_the_best_epochs(written, finished):
    ours = torch.load(written / "model.pt", weights_only=True)
    theirs = torch.load(finished.summary["best"]["checkpoint"], weights_only=True)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_predictions_are_index_and_class_of_every_test_image(written, subject):
    lines = (written / "predictions.txt").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == [str(i) for i in range(1000)]
    images = torch.from_numpy(np.array(subject.dataset.test.images[:50])).permute(0, 3, 1, 2) / 255
    mean, std = (
        torch.tensor(v)[:, None, None] for v in (subject.dataset.mean, subject.dataset.std)
    )
    with torch.no_grad():
        expected = subject.model(((images - mean) / std).float()).argmax(dim=1).tolist()
    assert [int(line.split(",")[1]) for line in lines[:50]] == expected


def test_weights_that_were_changed_are_not_certified(run):
    weights = {name: value.clone() for name, value in run.weights.items()}
    weights["linear.bias"][3] += 100
    changed = type(run)(**{**vars(run), "weights": weights})
    assert not certify(open_subject(changed, "embedded")).certified


def numbers(subject: Subject, name: str) -> dict:
    return figures.drawer(name)(subject).numbers


def test_the_confusion_matrix_equals_a_slow_loop(subject):
    counts = np.zeros((10, 10), dtype=int)
    for label, guess in zip(subject.validation.labels, subject.validation.predictions, strict=True):
        counts[label, guess] += 1
    found = numbers(subject, "confusion")
    assert found["counts"] == counts.tolist()
    off = counts - np.diag(np.diag(counts))
    assert found["most"][0]["count"] == off.max()
    assert all(pair["true"] != pair["predicted"] for pair in found["most"])


def test_accuracy_per_class_equals_the_matrix(subject):
    matrix = confusion_matrix(subject.validation.labels, subject.validation.predictions)
    names, rows = subject.dataset.classes, numbers(subject, "per_class")["classes"]
    found = {row["class"]: row["accuracy"] for row in rows}
    for label, name in enumerate(names):
        assert found[name] == pytest.approx(matrix[label, label] / matrix[label].sum())
    assert [row["accuracy"] for row in rows] == sorted(found.values())


def test_the_curves_are_the_logged_history(subject, finished):
    best = finished.summary["best"]
    history = numbers(subject, "curves")
    number = next(
        index for index, c in enumerate(finished.configs()) if c["values"] == best["params"]
    )
    rows = finished.histories()[number]
    assert history["val_accuracy"] == [(row["epoch"], row["val_accuracy"]) for row in rows]
    least = min(rows, key=lambda row: row["val_loss"])
    assert history["least_val_loss_epoch"] == least["epoch"]
    assert history["best_epoch"] == best["epoch"]


def test_the_samples_tell_label_prediction_and_confidence(subject):
    rows = numbers(subject, "samples")["images"]
    assert len(rows) == 24
    shares = subject.validation.logits.softmax(dim=1)
    for row in rows:
        assert row["label"] == subject.dataset.val.labels[row["index"]]
        assert row["confidence"] == pytest.approx(float(shares[row["index"], row["predicted"]]))
        assert row["confidence"] == pytest.approx(float(shares[row["index"]].max()))


def test_predictions_of_a_folder_name_its_files_in_order(small_search, tmp_path, capsys):
    """The course's folder, searched and analysed."""
    folder = tmp_path / "course"
    export(load(DataSpec(), "embedded").truncated(200), folder)
    (folder / "labels.csv").unlink()
    (folder / "notes.txt").write_text("none of the images")
    names = sorted(path.name for path in (folder / "test").iterdir())
    for name in names:  # names whose order is not the order of their indices, with commas
        place = folder / "test" / f"batch{name[-5]}" / f"{name[::-1][4:]},{name}"
        place.parent.mkdir(exist_ok=True)
        (folder / "test" / name).rename(place)
    flags = ["--data", str(folder), "--trials", "1", "--epochs", "1", "--set", "pool_stride=2"]
    flags += ["--finalists", "0"]
    flags += ["--train-limit", "200", "--val-limit", "200"]
    search = small_search(tmp_path / "runs", "folder", *flags)
    assert search.status == 0, search.printed
    left_out = f"left out of {folder}: 1 file of no image format that is read (notes.txt)\n"
    assert search.printed.count(left_out) == 1
    out = tmp_path / "analysis"
    arguments = ["--search", "folder", "--tracking-uri", search.uri, "--out", str(out)]
    assert main([*arguments, "--only", "samples"]) == 0
    assert capsys.readouterr().out.count(left_out) == 1
    with (out / "predictions.txt").open(newline="") as file:
        rows = list(csv.reader(file))
    paths = (folder / "test").rglob("*.png")
    expected = sorted(path.relative_to(folder / "test").as_posix() for path in paths)
    assert [name for name, _ in rows] == expected
    assert all(label in "0123456789" for _, label in rows)


def refused(capsys, *arguments: str) -> str:
    assert main(list(arguments)) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run", "0" * 32], "not found"),
        (["--search", "nope"], "search 'nope' has no winner"),
        (["--search", "it's"], "is not the name of a search"),
        (["--space", "nope"], "has no finished search"),
        (["--search", "small", "--only", "colours"], "there is no figure 'colours'"),
        (["--search", "small", "--data", "/no/such"], "does not exist"),
        ([], "name a run"),
        (["--search", "small", "--tracking-uri", "nowhere"], "must begin with sqlite:///"),
        (["--search", "small", "--tracking-uri", "http://127.0.0.1:9"], "no tracking server"),
        (["--search", "small", "--tracking-uri", "sqlite:////etc/passwd"], "not an SQLite"),
        (["--search", "a", "--run", "b"], "not allowed with argument"),
    ],
)
def test_a_wrong_flag_is_refused_in_one_line(finished, capsys, tmp_path, arguments, message):
    out = tmp_path / "out"
    flags = ["--tracking-uri", finished.uri, "--out", str(out)]
    assert message in refused(capsys, *flags, *arguments)
    assert not out.exists()


def test_a_store_that_is_not_there_is_refused_and_not_made(capsys, tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert "no records at" in refused(capsys, "--search", "a", "--tracking-uri", uri)
    assert list(tmp_path.iterdir()) == []


def trials_of(finished) -> list[tuple[str, bool]]:
    """Every trial's run, and whether it holds weights."""
    client = MlflowClient(finished.uri)
    experiment = client.get_experiment_by_name("convoy/gap5-embedded").experiment_id
    runs = client.search_runs([experiment], "tags.convoy.kind = 'trial'")
    names = {r.info.run_id: client.list_artifacts(r.info.run_id) for r in runs}
    return [(run, "model.pt" in {f.path for f in files}) for run, files in names.items()]


@pytest.fixture(scope="module")
def two_runs(finished):
    """The winner and another trial of the small search that holds weights."""
    winner = finished.summary["best"]["run_id"]
    return [winner, next(run for run, weights in trials_of(finished) if weights and run != winner)]


def test_two_runs_are_compared_and_the_comparison_is_logged_to_both(finished, two_runs, tmp_path):
    uri, out = copied_store(finished, tmp_path), tmp_path / "out"
    flags = [flag for run in two_runs for flag in ("--run", run)]
    status, printed = run_here(main, [*flags, "--tracking-uri", uri, "--out", str(out)])
    assert status == 0, printed
    assert "winner of search small" in printed
    found = json.loads((out / "comparison.json").read_text())
    counts = ("both_right", "only_first", "only_second", "both_wrong")
    assert sum(found[name] for name in counts) == 300
    records = [Records(finished.uri).load(run) for run in two_runs]
    assert found["accuracies"] == pytest.approx([run.val_accuracy for run in records])
    name = "comparison-" + "-".join(run[:8] for run in two_runs)
    for run in two_runs:
        (logged,) = (tmp_path / "artifacts").rglob(f"{run}/artifacts/{name}")
        assert set(files_in(logged)) == set(files_in(out)) == {"comparison.png", "comparison.json"}


def test_a_search_is_its_trials_in_order_with_their_curves_and_rungs(finished):
    records = Records(finished.uri)
    search = records.search_of(records.load(records.winner_of("small")))
    rows = [[(r["epoch"], r["val_accuracy"]) for r in rows] for rows in finished.histories()]
    assert [trial.scores for trial in search.trials] == rows
    assert [trial.record.values for trial in search.trials] == [
        c["values"] for c in finished.configs()
    ]
    assert search.trials[0].record.spec.is_baseline
    assert search.rungs == (3,)  # the space's grace for these data


def test_a_trial_whose_record_lacks_a_tag_is_refused(finished, tmp_path):
    uri = copied_store(finished, tmp_path)
    records = Records(uri)
    run = records.load(records.winner_of("small"))
    MlflowClient(uri).delete_tag(run.run_id, "convoy.values")
    with pytest.raises(UsageError, match="is damaged, or of an earlier version"):
        records.search_of(run)


def test_finalists_are_neither_trials_of_a_search_nor_its_own_run(finished, tmp_path):
    uri = copied_store(finished, tmp_path)
    client, records = MlflowClient(uri), Records(uri)
    run = records.load(records.winner_of("small"))
    before, experiment = records.search_of(run), client.get_run(run.run_id).info.experiment_id
    tags = {
        "convoy.kind": "finalist",
        "convoy.search": "small",
        "convoy.label": "finalist-1-seed-2",
    }
    client.create_run(experiment, tags=tags)
    assert records.search_of(run) == before


@pytest.mark.parametrize(
    ("label", "is_winner", "words"),
    [
        ("finalist-1-seed-2", True, "winner of search small (finalist 1, seed 2)"),
        ("finalist-1-seed-2", False, "finalist 1, seed 2 of search small"),
        ("3", False, "trial 3 of search small"),
        ("baseline", True, "winner of search small (baseline)"),
    ],
)
def test_a_run_is_called_by_its_place_in_the_search(run, label, is_winner, words):
    record = replace(run.record, spec=replace(run.record.spec, label=label))
    assert replace(run, record=record, is_winner=is_winner).described == words


def test_a_run_is_not_compared_with_itself(finished, two_runs, capsys, tmp_path):
    flags = ["--run", two_runs[0], "--run", two_runs[0], "--tracking-uri", finished.uri]
    assert "two different runs" in refused(capsys, *flags, "--out", str(tmp_path / "out"))


def test_a_run_without_weights_is_refused(finished, capsys, tmp_path):
    loser = next(run for run, weights in trials_of(finished) if not weights)
    flags = ["--tracking-uri", finished.uri, "--out", str(tmp_path / "out")]
    assert "has no weights" in refused(capsys, "--run", loser, *flags)


def test_other_data_than_the_runs_are_refused(run, tmp_path):
    export(load(DataSpec(seed=5), "embedded").truncated(50), tmp_path / "other")
    with pytest.raises(UsageError, match="are not those of run"):
        open_subject(run, str(tmp_path / "other"))


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"setting": {}}'])
def test_a_damaged_setting_is_refused(finished, capsys, tmp_path, content):
    uri = copied_store(finished, tmp_path)
    for path in (tmp_path / "artifacts").rglob("setting.json"):
        path.write_text(content)
    assert "is damaged" in refused(capsys, "--search", "small", "--tracking-uri", uri)


def other_winner(uri: str, winner: str, *, images=300, alignment=0.1, feasible=True) -> str:
    """A search beside that of ``winner``, whose own winner is right on 99%; its run."""
    client = MlflowClient(uri)
    like = client.get_run(winner)
    tags = {"convoy.search": "other", "convoy.search_id": "other"}
    told = {**tags, "convoy.kind": "search", "convoy.feasible": str(feasible).lower()}
    parent = client.create_run(like.info.experiment_id, tags=told).info.run_id
    job = json.loads(like.data.tags["convoy.job"])
    job["data"]["val_alignment"] = alignment
    own = {"convoy.winner": "true", "convoy.job": json.dumps(job), "mlflow.parentRunId": parent}
    run = client.create_run(like.info.experiment_id, tags={**tags, **own}).info.run_id
    client.log_param(run, "val_images", images)
    client.log_metric(run, "best_val_accuracy", 0.99)
    return run


@pytest.mark.parametrize(
    "unlike", [{"images": 20}, {"alignment": 0.64}, {"feasible": False}], ids=str
)
def test_the_best_of_a_space_is_not_the_best_by_a_flattering_figure(finished, tmp_path, unlike):
    uri = copied_store(finished, tmp_path)
    winner = Records(uri).winner_of("small")
    other_winner(uri, winner, **unlike)
    assert Records(uri).best_of("gap5", "embedded") == winner


def test_the_best_of_a_space_is_the_most_accurate_of_like_searches(finished, tmp_path):
    uri = copied_store(finished, tmp_path)
    better = other_winner(uri, Records(uri).winner_of("small"))
    assert Records(uri).best_of("gap5", "embedded") == better


def test_the_best_of_a_space_is_so_by_the_mean_over_its_seeds_not_by_the_delivered(
    finished, tmp_path
):
    uri = copied_store(finished, tmp_path)
    winner = Records(uri).winner_of("small")
    lucky = MlflowClient(uri).get_run(other_winner(uri, winner))
    parent = lucky.data.tags["mlflow.parentRunId"]
    MlflowClient(uri).log_metric(parent, "winner_val_accuracy_mean", 0.01)
    assert Records(uri).best_of("gap5", "embedded") == winner


@pytest.mark.parametrize(("metrics", "wins"), [({"auroc"}, "small"), ({"auroc", "macro_f1"}, "")])
def test_the_best_of_a_space_is_so_by_the_metric_that_all_were_judged_by(
    finished, tmp_path, metrics, wins
):
    """The other is the more accurate, and has the lower AUROC."""
    uri = copied_store(finished, tmp_path)
    client, winner = MlflowClient(uri), Records(uri).winner_of("small")
    other = other_winner(uri, winner)
    for run, metric, auroc in ((winner, "auroc", 0.8), (other, max(metrics), 0.7)):
        job = json.loads(client.get_run(run).data.tags["convoy.job"])
        client.set_tag(run, "convoy.job", json.dumps({**job, "metric": metric}))
        client.log_metric(run, "best_val_auroc", auroc)
    assert Records(uri).best_of("gap5", "embedded") == (winner if wins else other)


def bytes_of(state) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


TENSORS = {"weight": torch.zeros(3)}
DAMAGES = {
    "empty": (b"", "cannot be loaded"),
    "text": (b"not a checkpoint", "cannot be loaded"),
    "cut": (bytes_of({"a": torch.zeros(1000)})[:-100], "cannot be loaded"),
    "list": (bytes_of([torch.zeros(3)]), "holds a list"),
    "wrong keys": (bytes_of(TENSORS), "do not fit architecture gap5"),
    "numbered keys": (bytes_of({1: torch.zeros(3)}), "do not fit architecture gap5"),
    "no tensors": (bytes_of({"conv1.weight": "text"}), "do not fit architecture gap5"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_weights_that_are_none_are_refused(finished, capsys, tmp_path, damage):
    content, message = DAMAGES[damage]
    uri, out = copied_store(finished, tmp_path), tmp_path / "out"
    for path in (tmp_path / "artifacts").rglob("model.pt"):
        path.write_bytes(content)
    flags = ["--search", "small", "--tracking-uri", uri, "--out", str(out)]
    assert message in refused(capsys, *flags)
    assert not out.exists()


def test_a_run_whose_weights_are_gone_is_refused(finished, capsys, tmp_path):
    uri, out = copied_store(finished, tmp_path), tmp_path / "out"
    for path in (tmp_path / "artifacts").rglob("model.pt"):
        path.unlink()
    flags = ["--search", "small", "--tracking-uri", uri, "--out", str(out)]
    assert "model.pt" in refused(capsys, *flags)
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "gone"}, "architecture 'gone' does not exist"),
        ({"parameters": {"gone": 1}}, "do not fit architecture gap5"),
    ],
)
def test_a_run_whose_architecture_is_gone_is_refused(finished, capsys, tmp_path, change, message):
    uri, out = copied_store(finished, tmp_path), tmp_path / "out"
    for path in (tmp_path / "artifacts").rglob("setting.json"):
        written = json.loads(path.read_text())
        path.write_text(json.dumps({**written, "setting": {**written["setting"], **change}}))
    flags = ["--search", "small", "--tracking-uri", uri, "--out", str(out)]
    assert message in refused(capsys, *flags)
    assert not out.exists()


def test_data_that_are_not_the_runs_leave_nothing_behind(finished, capsys, tmp_path):
    export(load(DataSpec(seed=5), "embedded").truncated(50), tmp_path / "other")
    out = tmp_path / "out"
    flags = ["--search", "small", "--tracking-uri", finished.uri, "--out", str(out)]
    assert "are not those of run" in refused(capsys, *flags, "--data", str(tmp_path / "other"))
    assert not out.exists()


def test_the_list_tells_what_every_figure_shows(capsys):
    assert main(["--list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in figures.available())

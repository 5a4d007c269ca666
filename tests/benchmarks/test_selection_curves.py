"""The recorded trainings of the candidates, and the command that makes them."""

import itertools
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from benchmarks import candidates as candidates_module
from benchmarks.candidates import CURES, FIXED, Candidate, draw, read_candidates
from benchmarks.selection_curves import (
    EPOCHS,
    SEEN,
    UNSEEN,
    LearningCurve,
    Task,
    main,
    read_curves,
    record,
    tasks,
)
from search.domain import check_point
from search.space import SPACES, read_space
from trainables.boundary.errors import UsageError
from trainables.data import EMBEDDED
from trainables.device import use_threads
from trainables.training import TrainingData, fit

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
SMALL = {"lr": 0.01, "batch_size": 64}


def task(number: int = 0, seed: int = 0) -> Task:
    return Task(Candidate("nin", number, SMALL), seed, epochs=2, train_limit=128)


def test_every_candidate_is_trained_with_every_seed_and_the_first_seed_first():
    two = [Candidate("nin", 0, SMALL), Candidate("gap5", 0, SMALL)]
    assert [each.key for each in tasks(two, seeds=2)] == [
        ("nin", 0, 0), ("gap5", 0, 0), ("nin", 0, 1), ("gap5", 0, 1),
    ]  # fmt: skip


def test_no_two_trainings_have_one_random_stream():
    wanted = tasks(read_candidates())
    assert len({each.setting.seed for each in wanted}) == len(wanted)


def test_the_candidates_are_drawn_again_alike():
    assert list(draw(10)) == read_candidates()


def test_every_candidate_is_a_point_of_its_space_but_for_the_cure():
    cures = {key for cure in CURES for key in cure}
    for architecture in FIXED:
        space = read_space(SPACES / f"{architecture}.yaml")
        fixed = space.fixed_on(EMBEDDED, FIXED[architecture])
        own = [each for each in read_candidates() if each.architecture == architecture]
        for each in own:
            kept = {key: value for key, value in each.values.items() if key not in cures}
            plain = {key: value for key, value in fixed.items() if key in cures}
            check_point(space.search, {**kept, **plain})
        assert own[0].values.items() >= {**space.baseline, **fixed}.items()


def test_every_architecture_has_candidates_with_each_cure_and_without():
    for architecture in FIXED:
        own = [each.values for each in read_candidates() if each.architecture == architecture]
        swapped = sum(values.get("region_swap", "none") != "none" for values in own)
        twice = sum(values.get("reweighting", "none") != "none" for values in own)
        assert (swapped, twice, len(own) - swapped - twice) == (3, 2, 5)


def test_the_recorded_table_has_every_seed_of_every_candidate():
    assert sorted(each.key for each in tasks(read_candidates())) == [c.key for c in read_curves()]


def test_every_recorded_curve_has_all_figures_of_all_epochs():
    for curve in read_curves():
        assert set(curve.metrics) == {*SEEN, *UNSEEN}
        (length,) = {len(history) for history in curve.metrics.values()}
        assert length == EPOCHS or curve.diverged
        assert all(0 <= v <= 1 for v in itertools.chain(*curve.metrics.values()))


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_tenth_of_the_digits_of_either_split_agree(split):
    for curve in read_curves():
        whole, aligned, conflicting = (
            curve.metrics[f"{split}_accuracy{kind}"] for kind in ("", "_aligned", "_conflicting")
        )
        mixed = [0.1 * a + 0.9 * c for a, c in zip(aligned, conflicting, strict=True)]
        assert whole == pytest.approx(mixed, abs=2e-4)  # four digits are recorded


def test_the_recorded_table_is_small():
    size = sum(
        (ROOT / "benchmarks" / f"{name}.jsonl").stat().st_size
        for name in ("selection_curves", "candidates")
    )
    assert size < 400_000


WILD = Task(
    Candidate("conv3", 0, {"lr": 100.0, "optimizer": "sgd", "batch_size": 20}),
    0,
    epochs=2,
    train_limit=200,
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> dict[str, LearningCurve]:
    """By architecture, a training that ends well, and one that diverges."""
    file = tmp_path_factory.mktemp("recorded") / "curves.jsonl"
    found = list(record([task(), WILD], file, 1, CPU))
    assert sorted(found, key=lambda curve: curve.key) == read_curves(file)
    return {curve.architecture: curve for curve in found}


@pytest.fixture
def one_thread():
    """As the recording has it: how sums are parted among threads is in their last bits."""
    threads = torch.get_num_threads()
    use_threads(1)
    yield
    use_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_a_training_is_recorded_as_the_training_itself_tells(recorded, embedded):
    data = TrainingData.of(embedded.limited(128), CPU)
    for place, epoch in enumerate(fit(task().setting, data)):
        for name in SEEN:
            assert recorded["nin"].metrics[name][place] == pytest.approx(
                epoch.metrics[name], abs=5e-5
            )


@pytest.mark.usefixtures("one_thread")
def test_the_unseen_figures_are_of_the_test_split_after_the_same_epochs(recorded, embedded):
    small = embedded.limited(128)
    swapped = TrainingData.of(replace(small, val=small.test, test=small.val), CPU)
    for place, epoch in enumerate(fit(task().setting, swapped)):
        for name in UNSEEN:
            found = epoch.metrics[name.replace("test_", "val_")]
            assert recorded["nin"].metrics[name][place] == pytest.approx(found, abs=5e-5)


def test_a_recording_that_goes_on_trains_what_is_missing_and_leaves_no_trace(tmp_path):
    wanted = [task(number, seed) for seed in (0, 1) for number in (0, 1)]
    whole, parted = tmp_path / "whole.jsonl", tmp_path / "parted.jsonl"
    assert len(list(record(wanted, whole, 1, CPU))) == 4
    assert [curve.key for curve in record(wanted[2:], parted, 1, CPU)] == [
        t.key for t in wanted[2:]
    ]
    with parted.open("a") as file:
        file.write('{"architecture": "nin", "num')  # stopped in the middle of a line
    assert [curve.key for curve in record(wanted, parted, 1, CPU)] == [t.key for t in wanted[:2]]
    assert parted.read_bytes() == whole.read_bytes()
    assert list(record(wanted, parted, 1, CPU)) == []
    assert parted.read_bytes() == whole.read_bytes()


def test_a_training_that_diverges_is_recorded_as_far_as_it_went(recorded):
    assert recorded["conv3"].diverged
    assert not recorded["nin"].diverged
    assert all(len(history) < WILD.epochs for history in recorded["conv3"].metrics.values())


RECORDING = """
import sys
from pathlib import Path
import torch
from benchmarks.candidates import Candidate
from benchmarks.selection_curves import Task, record

if __name__ == "__main__":
    task = Task(Candidate("nin", 0, {"lr": 0.01, "batch_size": 64}), 0, epochs=1, train_limit=128)
    print(*[curve.key for curve in record([task], Path(sys.argv[1]), 2, torch.device("cpu"))])
"""


def test_a_machine_without_the_search_libraries_records_too(tmp_path):
    absent = tmp_path / "absent"
    absent.mkdir()
    for name in ("ray", "optuna", "mlflow", "pydantic", "yaml", "rich", "PIL", "torchvision"):
        (absent / f"{name}.py").write_text("raise ImportError(__name__)\n")
    script, file = tmp_path / "recording.py", tmp_path / "curves.jsonl"
    script.write_text(RECORDING)
    environment = {**os.environ, "PYTHONPATH": f"{absent}{os.pathsep}{ROOT}"}
    command = [sys.executable, str(script), str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "('nin', 0, 0)"
    assert [curve.key for curve in read_curves(file)] == [("nin", 0, 0)]


def test_the_command_has_nothing_to_do_where_all_is_recorded(tmp_path, capsys):
    file, wanted = tmp_path / "curves.jsonl", tmp_path / "candidates.jsonl"
    one = Candidate("nin", 0, SMALL)
    wanted.write_text(json.dumps(asdict(one)) + "\n")
    lines = [json.dumps(asdict(LearningCurve(*each.key, {}))) + "\n" for each in tasks([one])]
    file.write_text("".join(lines))
    assert main(["--record", "--candidates", str(wanted), "--out", str(file)]) == 0
    assert capsys.readouterr().out == ""
    assert file.read_text() == "".join(lines)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ([], "--record"),
        (["--record", "--processes", "0"], "--processes must be 1 or more"),
        (["--record", "--out", "/no/such/folder/file"], "is not there"),
        (["--record", "--candidates", "/no/such/file"], "cannot be read as candidates"),
        (["--record", "--device", "tpu"], "invalid choice"),
    ],
)
def test_a_wrong_flag_is_one_line_and_status_2(flags, told, capsys):
    assert main(flags) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1


def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path, capsys):
    file = tmp_path / "notes.txt"
    file.write_text("notes\n")
    assert main(["--record", "--out", str(file)]) == 2
    assert "cannot be read as learning curves" in capsys.readouterr().err
    assert file.read_text() == "notes\n"


def test_a_wrong_number_of_candidates_is_refused_in_one_line(capsys):
    assert candidates_module.main(["--draw", "0"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("text", ["", "not JSON\n", '{"some": "other"}\n'])
def test_what_holds_no_curves_is_refused_with_its_name(text, tmp_path):
    file = tmp_path / "other.jsonl"
    file.write_text(text)
    for read in (read_curves, read_candidates):
        with pytest.raises(UsageError, match=r"other\.jsonl"):
            read(file)

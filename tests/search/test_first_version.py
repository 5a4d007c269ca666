"""Searches that the first version recorded: read as they are, and resumed to the end.

The folder holds a whole search, one whose driver was killed in its third trial (``early``), and one
whose driver was killed in its second final (``finals``).
"""

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import FinishedSearch, relocate
from mlflow import MlflowClient
from mlflow.entities import Run

from analysis.record import Records
from search.records.about import read_about
from search.records.summary import summary_in
from search.trials.files import read_histories
from search.trials.provenance import Provenance

RECORDS = Path(__file__).parents[1] / "records"
TRIALS, FINALS = 5, 4
# What the first version itself got when it resumed either search, which it began with one seed.
# Its winner is the same; of its trainings it delivered the worse one, and called luck what two say.
EXPECTED = json.loads((RECORDS / "first_version.json").read_text())


def unpacked(parent: Path) -> Path:
    """The folder of searches below ``parent``, its paths as if they had been made there."""
    with tarfile.open(RECORDS / "first_version.tar.xz") as archive:
        archive.extractall(parent, filter="data")
    out = parent / "runs"
    before = Path(json.loads((out / "whole" / "records.json").read_text())["place"]["artifacts"])
    relocate(out / "mlflow.db", before.parents[1], parent)
    for file in [*out.glob("*/records.json"), *out.glob("*/search.json")]:
        file.write_text(file.read_text().replace(str(before.parents[1]), str(parent)))
    return out


@pytest.fixture(scope="module")
def first_version(tmp_path_factory) -> Path:
    return unpacked(tmp_path_factory.mktemp("first"))


def test_its_trials_and_finals_are_read(first_version):
    records = [history.record for history in read_histories(first_version / "whole")]
    assert [record.number for record in records] == list(range(TRIALS + FINALS))
    assert [record.spec.repeats for record in records] == [None] * TRIALS + [0, 1, 0, 1]
    assert [(record.label, record.status, record.epochs) for record in records[::5]] == [
        ("baseline", "completed", 3),
        ("finalist-1-seed-1", "completed", 3),
    ]


def test_its_summary_tells_the_winner(first_version):
    best = summary_in(first_version / "whole").best
    records = [history.record for history in read_histories(first_version / "whole")]
    (winner,) = [record for record in records if record.trial_id == best["trial_id"]]
    assert (best["val_accuracy"], best["params"]) == (winner.best_score, winner.values)


def test_its_records_tell_job_and_constraints(first_version):
    about = read_about(first_version / "whole")
    assert (about.job.architecture, about.job.train_limit) == ("nin", 300)
    assert about.rule.constraints["digit_following"].max == 0.9


def test_its_store_tells_the_winner_and_all_trials(first_version):
    records = Records(f"sqlite:///{first_version}/mlflow.db")
    winner = records.load(records.winner_of("whole"))
    best = summary_in(first_version / "whole").best
    assert (winner.run_id, winner.val_accuracy) == (best["run_id"], best["val_accuracy"])
    assert winner.weights
    trials = records.search_of(winner).trials
    histories = read_histories(first_version / "whole")[:TRIALS]
    assert [[accuracy for _, accuracy in trial.scores] for trial in trials] == [
        [step.last["val_accuracy"] for step in history.steps] for history in histories
    ]


@pytest.fixture(scope="module", params=["early", "finals"])
def resumed(
    request, small_search: Callable[..., FinishedSearch], tmp_path_factory
) -> FinishedSearch:
    out = unpacked(tmp_path_factory.mktemp("resumed"))
    return small_search(out, request.param, resume=True)


def runs_of(search: FinishedSearch) -> list[Run]:
    client = MlflowClient(search.uri)
    ids = [each.experiment_id for each in client.search_experiments()]
    return client.search_runs(ids, f"tags.convoy.search = '{search.name}'")


def test_an_interrupted_search_is_resumed_to_its_end(resumed):
    assert resumed.status == 0, resumed.printed
    assert resumed.summary["status"] == "complete"


def test_every_trial_and_every_epoch_is_there_once(resumed):
    assert sorted(each["number"] for each in resumed.configs()) == list(range(TRIALS + FINALS))
    for rows in resumed.histories():
        assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))


def test_the_store_holds_every_epoch_of_every_trial_once(resumed):
    client, runs = MlflowClient(resumed.uri), runs_of(resumed)
    numbered = {int(run.data.params["trial"]): run for run in runs if "trial" in run.data.params}
    assert len(runs) == 1 + len(numbered) == 1 + TRIALS + FINALS
    for config, rows in zip(resumed.configs(), resumed.histories(), strict=True):
        run_id = numbered[config["number"]].info.run_id
        for name in ("val_accuracy", "train_loss", "digit_following"):
            points = client.get_metric_history(run_id, name)
            found = sorted((point.step, point.value) for point in points)
            assert found == [(row["epoch"], row[name]) for row in rows]


def test_no_run_is_left_running(resumed):
    assert {run.info.status for run in runs_of(resumed)} == {"FINISHED"}


def test_the_result_is_the_one_that_the_first_version_got(resumed, first_version):
    then = json.loads((first_version / "whole" / "best" / "setting.json").read_text())
    here = Provenance.current()
    if (then["device_name"], then["versions"]) != (here.device_name, here.versions):
        pytest.skip("another processor or other libraries: a training ends in other bits")
    assert alike(resumed.summary, EXPECTED)


def alike(found: Any, expected: Any) -> bool:
    """Equal in all that is ``expected``: not ids, paths and seconds."""
    if isinstance(expected, dict):
        return all(alike(found[key], value) for key, value in expected.items())
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(alike, found, expected))
    return found == expected

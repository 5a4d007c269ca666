"""``python -m search.replay`` as a user runs it: of a real search, and of records made here.

The records made here are of one trial that was stopped after two of four epochs; each lies in a run
of its own, sound or with something changed.
"""

import hashlib
import json
import os
import re
import shutil
import signal
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from conftest import copied_store
from mlflow import MlflowClient
from mlflow.entities import Metric

from search.records.run_reader import RecordedRun
from search.records.saved_model import SETTING_FILE, WEIGHTS_FILE, write_saved_model
from search.replay import main
from search.reproduce.report import Progress
from search.reproduce.retrain import retrain
from search.reproduce.tolerance import Tolerance
from search.trials import provenance
from search.trials.checkpoints import STATE_FILE
from search.trials.code_version import CodeVersion
from search.trials.provenance import provenance_in, signed
from search.trials.record import TrialRecord
from search.trials.spec import Job, TrialSpec
from trainables import checkpoint, training
from trainables.architectures import gap5
from trainables.data import DataSpec, load
from trainables.data.export import export
from trainables.training import TrainingData, fit

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available(), reason="what is pinned here are the bits of a CPU"
)
JOB = Job("gap5", DataSpec("composite"), "embedded", 400, 200, epochs=4, seed=3, cpus=1)
VALUES = {"pool_stride": 2, "lr": 0.003, "batch_size": 16, "flip": True}
EPOCHS = 2


@dataclass(frozen=True)
class Stopped:
    """A trial that was stopped early.

    Attributes:
        kept: folder of its record.
        figures: of every epoch.
    """

    kept: Path
    figures: list[dict[str, float]]

    @property
    def best(self) -> int:
        """The best epoch, 1 for the first."""
        accuracies = [figures["val_accuracy"] for figures in self.figures]
        return 1 + accuracies.index(max(accuracies))


@pytest.fixture(scope="module", autouse=True)
def _clean_checkout():
    """The code is as in a checkout without changes, whatever this one holds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "code_version", lambda: CodeVersion("0.1.0", "a" * 40, False))
        yield


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Stopped:
    folder, spec = tmp_path_factory.mktemp("stopped"), TrialSpec(JOB, 7, VALUES)
    dataset = load(JOB.data, JOB.source).limited(JOB.train_limit, JOB.val_limit)
    record, figures = TrialRecord(spec, "seven"), []
    torch.set_num_threads(1)
    data = TrainingData.of(dataset, torch.device("cpu"))
    for epoch in islice(fit(spec.setting, data), EPOCHS):
        record = record.after(epoch.number, epoch.metrics)
        figures.append(epoch.metrics)
        checkpoint.save(signed(epoch, JOB.architecture).state, folder / STATE_FILE)
    assert write_saved_model(folder / "kept", record, folder, dataset.described(), folder)
    return Stopped(folder / "kept", figures)


class Store:
    """A store that MLflow made, and the runs that are put into it."""

    def __init__(self, folder: Path, trial: Stopped) -> None:
        self.folder, self._trial = folder, trial
        self.client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
        artifacts = (folder / "artifacts").as_uri()
        self.experiment = self.client.create_experiment("convoy/gap5-embedded", artifacts)

    def trial(self, kept: Path | None = None, raised: float = 0.0, **tags: str) -> str:
        """Id of a run of the trial.

        Args:
            kept: folder of another record than the trial's own.
            raised: added to the accuracy of the best epoch.
            tags: that are changed.
        """
        known = {"kind": "trial", "search": "mine", "label": "7", "values": json.dumps(VALUES)}
        every = {f"convoy.{key}": value for key, value in {**known, **tags}.items()}
        run_id = self.client.create_run(self.experiment, tags=every).info.run_id
        figures = [dict(each) for each in self._trial.figures]
        best = figures[self._trial.best - 1]
        best["val_accuracy"] += raised
        metrics = [
            Metric(name, value, 0, number)
            for number, each in enumerate(figures, 1)
            for name, value in each.items()
        ]
        metrics.append(Metric("best_val_accuracy", best["val_accuracy"], 0, EPOCHS))
        self.client.log_batch(run_id, metrics)
        self.client.log_artifacts(run_id, str(kept or self._trial.kept))
        return str(run_id)


@pytest.fixture(scope="module")
def store(stopped, tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("store"), stopped)


def replay(store: Store, run: str, *flags: str) -> int:
    return main([run, "--out", str(store.folder), *flags])


def document(store: Store, run_id: str) -> dict:
    file = store.folder / "mine" / f"replay-{run_id[:8]}" / "replay.json"
    return json.loads(file.read_text())


def refused(capsys, status: int) -> str:
    """What a command that was refused said: one line, and nothing else."""
    printed = capsys.readouterr()
    assert status == 2
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    return printed.err


def test_the_winner_of_a_search_comes_out_again_from_mlflow_alone(finished, tmp_path, capsys):
    """Trained by a worker of Ray's then, in this process now; its folder of trials is not there."""
    copied_store(finished, tmp_path)
    best = finished.summary["best"]
    assert main(["small", "--out", str(tmp_path)]) == 0, capsys.readouterr()
    (file,) = tmp_path.glob("small/replay-*/replay.json")
    told = json.loads(file.read_text())
    assert (told["run_id"], told["verdict"]) == (best["run_id"], "bit for bit")
    assert told["weights_equal"] is True
    recorded, here = told["recorded"]["sources"], told["replayed"]["sources"]
    assert {"trainables/architectures/gap5.py", "trainables/training.py"} <= recorded.keys()
    assert recorded.items() <= here.items()
    number = int(next(finished.out.glob(f"small/trial-*-{best['trial_id']}")).name.split("-")[1])
    history = finished.histories()[number]
    for epoch, line in zip(told["epochs"], history, strict=True):
        assert epoch["equal"]
        assert {name: line[name] for name in epoch["replayed"]} == epoch["replayed"]
        assert {"val_accuracy", "val_loss", "train_loss", "lr"} <= epoch["recorded"].keys()


def test_a_trial_that_was_stopped_is_trained_for_as_many_epochs(store, capsys):
    run_id = store.trial()
    assert replay(store, run_id) == 0
    told = document(store, run_id)
    assert [epoch["epoch"] for epoch in told["epochs"]] == [1, 2]
    assert told["verdict"] == "bit for bit"
    assert (told["weights_equal"], told["must_be_equal"]) == (True, True)
    assert told["setting"]["epochs"] == 4
    printed = capsys.readouterr().out
    assert "bit for bit" in printed
    table = [line for line in printed.splitlines() if not line.startswith(("run ", "written "))]
    assert max(map(len, table)) <= 80


def test_a_search_is_named_for_its_winner(store):
    winner = store.trial(search="named", winner="true")
    store.trial(search="named")
    assert replay(store, "named") == 0
    assert (store.folder / "named" / f"replay-{winner[:8]}" / "replay.json").is_file()


def test_the_winner_is_the_one_that_the_searchs_summary_tells_of(store):
    """Another search of its name may lie in the same store."""
    store.trial(search="twice", winner="true")
    winner = store.trial(search="twice", winner="true")
    store.trial(search="twice", winner="true")
    (store.folder / "twice").mkdir()
    summary = {"best": {"run_id": winner}}
    (store.folder / "twice" / "summary.json").write_text(json.dumps(summary))
    assert replay(store, "twice") == 0
    assert (store.folder / "twice" / f"replay-{winner[:8]}" / "replay.json").is_file()


def test_a_run_that_holds_no_weights_is_compared_by_its_figures(store, stopped, tmp_path):
    shutil.copy(stopped.kept / SETTING_FILE, tmp_path)
    run_id = store.trial(kept=tmp_path)
    assert replay(store, run_id) == 0
    assert document(store, run_id)["weights_equal"] is None


def test_an_accuracy_that_was_altered_differs(store, stopped, capsys):
    run_id = store.trial(raised=0.005)
    assert replay(store, run_id) == 3
    told = document(store, run_id)
    assert (told["verdict"], told["weights_equal"]) == ("differs", True)
    altered = [epoch["epoch"] for epoch in told["epochs"] if not epoch["equal"]]
    assert altered == [stopped.best]
    assert capsys.readouterr().err.startswith("differs: ")


def test_weights_that_were_altered_differ(store, stopped, tmp_path):
    shutil.copytree(stopped.kept, tmp_path, dirs_exist_ok=True)
    weights = checkpoint.load(tmp_path / WEIGHTS_FILE)
    first = next(iter(weights))
    weights[first] = torch.nextafter(weights[first], torch.tensor(9.0))
    checkpoint.save(weights, tmp_path / WEIGHTS_FILE)
    run_id = store.trial(kept=tmp_path)
    assert replay(store, run_id) == 3
    assert document(store, run_id)["weights_equal"] is False


def test_a_record_from_elsewhere_that_comes_close_is_within_tolerance(
    store, stopped, tmp_path, capsys
):
    """Told of another CPU, one image more on the right side is what rounding may do."""
    run_id = store.trial(kept=changed(stopped, tmp_path, device_name="another CPU"), raised=0.005)
    assert replay(store, run_id) == 0
    assert document(store, run_id)["verdict"] == "within tolerance"
    printed = capsys.readouterr().out
    assert "another CPU" in printed
    assert "binomial standard errors on 200 images" in printed


def test_a_finalists_own_spread_is_its_tolerance(store, stopped, tmp_path):
    """A spread of a thousandth of a point leaves no room for an image more."""
    finalist = {"trial_id": "seven", "val_accuracy_std": 1e-5, "seeds": 3}
    (store.folder / "spread").mkdir()
    (store.folder / "spread" / "summary.json").write_text(json.dumps({"finalists": [finalist]}))
    kept = changed(stopped, tmp_path, device_name="another CPU")
    assert replay(store, store.trial(kept=kept, raised=0.005, search="spread")) == 3


def changed(stopped: Stopped, folder: Path, **fields) -> Path:
    """A folder with the trial's record, some of its ``fields`` changed."""
    shutil.copytree(stopped.kept, folder, dirs_exist_ok=True)
    file = folder / SETTING_FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))
    return folder


def test_a_source_file_that_is_not_the_recorded_one_is_named(store, stopped, tmp_path, capsys):
    """Whatever git says: this checkout counts as one without changes."""
    own = "trainables/architectures/gap5.py"
    sources = json.loads((stopped.kept / SETTING_FILE).read_text())["sources"] | {own: 64 * "a"}
    run_id = store.trial(kept=changed(stopped, tmp_path, sources=sources), raised=0.005)
    assert replay(store, run_id) == 0
    here = hashlib.sha256(Path(gap5.__file__).read_bytes()).hexdigest()
    assert document(store, run_id)["changed_files"] == {own: [64 * "a", here]}
    assert f"{own}: {12 * 'a'} recorded, {here[:12]} here" in capsys.readouterr().out


def test_a_record_of_an_earlier_version_is_replayed(store, stopped, tmp_path, capsys):
    shutil.copytree(stopped.kept, tmp_path, dirs_exist_ok=True)
    file = tmp_path / SETTING_FILE
    written = json.loads(file.read_text())
    for name in ("code", "device_name", "threads", "trial_id", "sources"):
        del written[name]
    file.write_text(json.dumps(written))
    run_id = store.trial(kept=tmp_path)
    assert replay(store, run_id) == 0
    assert document(store, run_id)["differences"]["threads"] == ["unknown", "1"]
    assert re.search("sources +not recorded", capsys.readouterr().out)


def test_a_signal_ends_it_with_one_word(store, capsys, monkeypatch):
    run_id = store.trial()
    monkeypatch.setattr(Progress, "__call__", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    assert replay(store, run_id) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_other_data_are_refused(store, tmp_path, capsys):
    export(load(DataSpec(seed=5), "embedded").truncated(50), tmp_path / "other")
    status = replay(store, store.trial(), "--data", str(tmp_path / "other"))
    assert "are not those of run" in refused(capsys, status)


def test_a_run_that_is_no_trial_is_refused(store, capsys):
    tags = {"convoy.kind": "search", "convoy.search": "mine"}
    parent = store.client.create_run(store.experiment, tags=tags).info.run_id
    assert f"no {SETTING_FILE}" in refused(capsys, replay(store, parent))


def test_a_run_that_is_not_there_is_refused(store, capsys):
    assert "0" * 32 in refused(capsys, replay(store, "0" * 32))


@pytest.mark.parametrize("name", ["nobody", "a b", "../up", "it's", ""])
def test_a_name_of_no_search_is_refused(store, capsys, name):
    refused(capsys, replay(store, name))


def test_a_store_that_is_not_there_is_refused_and_not_made(tmp_path, capsys):
    assert "no records at" in refused(capsys, main(["mine", "--out", str(tmp_path / "none")]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"setting": {}}', "\x00"])
def test_a_damaged_setting_is_refused(store, stopped, tmp_path, capsys, text):
    shutil.copytree(stopped.kept, tmp_path, dirs_exist_ok=True)
    (tmp_path / SETTING_FILE).write_text(text)
    assert "is damaged" in refused(capsys, replay(store, store.trial(kept=tmp_path)))


def test_weights_that_are_none_are_refused(store, stopped, tmp_path, capsys):
    shutil.copytree(stopped.kept, tmp_path, dirs_exist_ok=True)
    (tmp_path / WEIGHTS_FILE).write_bytes(b"text")
    assert "cannot be loaded" in refused(capsys, replay(store, store.trial(kept=tmp_path)))


def test_a_setting_that_is_not_the_one_shown_in_mlflow_is_refused(store, capsys):
    run_id = store.trial(values=json.dumps({**VALUES, "lr": 0.1, "flip": False}))
    assert "differ in lr, flip" in refused(capsys, replay(store, run_id))


def test_a_history_beyond_the_last_epoch_is_refused(store, capsys):
    run_id = store.trial()
    store.client.log_metric(run_id, "val_accuracy", 0.5, step=10**9)
    assert "of epoch 1000000000 of 4" in refused(capsys, replay(store, run_id))


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_trained(store, capsys):
    (store.folder / "taken").write_text("a file")
    status = replay(store, store.trial(search="taken"))
    assert "taken" in refused(capsys, status)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_replay_validates_in_the_format_of_the_record_whatever_is_usual_here(
    monkeypatch, stopped, dtype
):
    usual = {torch.float32: torch.bfloat16, torch.bfloat16: torch.float32}[dtype]
    for module in (training, provenance):
        monkeypatch.setattr(module, "evaluation_dtype", lambda _: usual)
    dataset = load(JOB.data, JOB.source).limited(JOB.train_limit, JOB.val_limit)
    spec = TrialSpec(replace(JOB, epochs=1), 7, VALUES)
    epoch = next(fit(spec.setting, TrainingData.of(dataset, torch.device("cpu"), dtype)))
    best = epoch.state["best"]
    run = RecordedRun(
        "0" * 32,
        "mine",
        TrialRecord(spec, "", best_epoch=1, best={"val_accuracy": best["val_accuracy"]}),
        spec.setting,
        dataset.described(),
        {name: [(1, value)] for name, value in epoch.metrics.items()},
        best["model"],
        provenance_in(signed(epoch, JOB.architecture).state),
    )
    replay = retrain(run, dataset, run.weights, Tolerance(0.0, ""), lambda _: None)
    assert replay.verdict == "bit for bit"
    assert replay.provenance == run.provenance


def test_the_record_holds_all_that_the_training_was(stopped):
    written = json.loads((stopped.kept / SETTING_FILE).read_text())
    assert written["setting"] == asdict(TrialSpec(JOB, 7, VALUES).setting)
    assert (written["job"]["seed"], written["setting"]["seed"]) == (
        3,
        TrialSpec(JOB, 7, VALUES).setting.seed,
    )
    assert written["code"] == asdict(CodeVersion("0.1.0", "a" * 40, False))
    assert written["versions"].keys() == {
        "python",
        "ray",
        "optuna",
        "mlflow",
        "torch",
        "torchvision",
        "numpy",
    }
    assert (written["device"], written["threads"]) == ("cpu", 1)
    assert written["validation_dtype"] in ("float32", "bfloat16")
    assert written["training_dtype"] in ("float32", "bfloat16")
    assert written["device_name"]

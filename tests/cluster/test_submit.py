"""What ``search.submit`` sends, and what it refuses to send."""

from pathlib import Path

import pytest

from search.clusters.kinds.ray_jobs import RayJobs
from search.clusters.ray_jobs import RayJobsBackend
from search.clusters.reader import read_cluster
from search.clusters.submission import submission
from search.request.parser import search_options
from search.submit import main
from trainables.boundary.errors import UsageError

CLUSTER = RayJobs(
    kind="ray-jobs", address="http://127.0.0.1:8265", out="/shared/runs", data="/shared/data"
)


def read_back(flags):
    return search_options(flags)


def test_the_clusters_folder_data_and_ray_are_filled_in():
    sent = submission(CLUSTER, ["--space", "gap5", "--name", "a"])
    found = read_back(sent.flags)
    assert (found.out, found.data, found.address) == ("/shared/runs", "/shared/data", "auto")


def test_flags_that_are_given_stand():
    given = ["--space", "gap5", "--out", "/elsewhere", "--data", "embedded", "--trials", "7"]
    given += ["--set", "lr=-0.5", "--set", "width=2", "--quiet"]
    found = read_back(submission(CLUSTER, given).flags)
    assert (found.out, found.data, found.trials) == ("/elsewhere", "embedded", 7)
    assert (found.set, found.quiet, found.space) == (("lr=-0.5", "width=2"), True, ("gap5",))


def test_a_search_without_a_name_is_given_one_that_its_job_has_too():
    sent = submission(CLUSTER, ["--space", "gap5"])
    assert sent.name == sent.job == read_back(sent.flags).name
    assert sent.name.startswith("gap5-")


def test_a_search_that_goes_on_is_another_job_of_the_same_search():
    sent = submission(CLUSTER, ["--resume", "a"])
    assert sent.name == read_back(sent.flags).resume == "a"
    assert sent.job != "a"
    assert read_back(sent.flags).name is None


def test_a_search_that_goes_on_keeps_its_own_data_and_records():
    cluster = CLUSTER.model_copy(update={"tracking_uri": "http://tracking:5000"})
    found = read_back(submission(cluster, ["--resume", "a"]).flags)
    assert (found.out, found.data, found.tracking_uri) == ("/shared/runs", None, None)


def test_a_space_of_ones_own_is_sent_along(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(Path("configs/spaces/gap5.yaml").read_text())
    sent = submission(CLUSTER, ["--space", str(path), "--space", "nin"])
    assert read_back(sent.flags).space == ("spaces/mine.yaml", "nin")
    assert sent.spaces == {"spaces/mine.yaml": path}


def test_the_command_survives_a_shell():
    sent = submission(CLUSTER, ["--space", "gap5", "--name", "a", "--set", "schedule=$(x)"])
    assert "'--set=schedule=$(x)'" in sent.command


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--list"], "--list"),
        (["--space", "gap5", "--address", "auto"], "--address auto"),
        (["--space", "nothing"], "nothing"),
        ([], "--space is missing"),
        (["--space", "gap5", "--trials", "0"], "--trials must be 1 or more"),
        (["--space", "gap5", "--tracking-uri", "http://u:secret@t:5000"], "password"),
        (["--space", "gap5", "--bad"], "--bad"),
    ],
)
def test_what_would_fail_there_is_refused_here(flags, told):
    with pytest.raises(UsageError, match=told) as error:
        submission(CLUSTER, flags)
    assert "secret" not in str(error.value)


def test_a_dry_run_names_what_is_shipped_and_sends_nothing(capsys, tmp_path):
    file = tmp_path / "ray.yaml"
    file.write_text("kind: ray-jobs\naddress: http://127.0.0.1:9\nout: /shared/runs\n")
    assert main(["--cluster", str(file), "--dry-run", "--", "--space", "gap5", "--name", "a"]) == 0
    printed = capsys.readouterr().out
    assert "analysis, configs, search, trainables" in printed
    assert "python -m search.run --space=gap5 --address=auto --out=/shared/runs --name=a" in printed


def test_neither_data_nor_runs_nor_caches_are_shipped(monkeypatch):
    sent = submission(CLUSTER, ["--space", "gap5"])
    shown = RayJobsBackend(CLUSTER).shown(sent)
    assert float(shown.split(" files, ")[1].split(" MB")[0]) < 2


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--status", "--", "--space", "gap5"], "exclude each other"),
        ([], "write -- and the flags of search.run"),
        (["--status"], "no Ray cluster answers"),
        (["--", "--space", "gap5"], "no Ray cluster answers"),
    ],
)
def test_a_wrong_command_is_one_line(flags, told, tmp_path, capsys):
    file = tmp_path / "ray.yaml"
    file.write_text("kind: ray-jobs\naddress: http://127.0.0.1:9\nout: /shared/runs\n")
    assert main(["--cluster", str(file), *flags]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1


def test_the_example_can_be_read():

    assert isinstance(read_cluster(Path("configs/clusters/ray.yaml")), RayJobs)

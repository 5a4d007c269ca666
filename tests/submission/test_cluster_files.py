"""Every file of configs/clusters can be used; files that are wrong are refused in one line."""

import copy
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.clusters.reader import available, backend_of, read_cluster
from search.clusters.submission import submission
from trainables.boundary.errors import UsageError

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "configs" / "clusters").glob("*.yaml"))
DOCUMENTS = [yaml.safe_load(file.read_text()) for file in FILES]
ANY_FILE = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def read(folder: Path, written: object):
    """The cluster, or the line that it is refused with."""
    file = folder / "cluster.yaml"
    file.write_text(yaml.safe_dump(written, allow_unicode=True))
    try:
        return read_cluster(file)
    except UsageError as error:
        assert "\n" not in str(error)
        assert str(error).startswith(f"--cluster {file}: ")
        return str(error)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_example_can_be_used(file):
    cluster = read_cluster(file)
    sent = submission(cluster, ["--space", "gap5", "--name", "mine"])
    shown = backend_of(cluster).shown(sent)
    assert "python -m search.run" in shown
    assert "--name=mine" in shown


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_shown_holds_no_secret_of_this_machine(file, monkeypatch):
    secrets = {"RAY_AUTH_TOKEN": "tok-11", "MLFLOW_TRACKING_PASSWORD": "pass-22"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    cluster = read_cluster(file)
    shown = backend_of(cluster).shown(submission(cluster, ["--space", "gap5"]))
    assert not any(value in shown for value in secrets.values())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_key_of_the_kind_is_in_the_example(file):
    written = file.read_text()
    for key in type(read_cluster(file)).model_fields:
        if key not in ("ship", "pip", "environment"):
            assert re.search(rf"^(# )?{key}:", written, re.MULTILINE), key


@pytest.mark.parametrize(
    ("kind", "change", "told"),
    [
        ("kuberay", {"wrokers": {}}, "wrokers: unknown key"),
        ("kuberay", {"kind": "k8s"}, "k8s"),
        ("kuberay", {"out": "/elsewhere/runs"}, "not below volume.mount"),
        ("kuberay", {"out": "/shared/../etc"}, "not below volume.mount"),
        ("kuberay", {"out": "runs"}, "out must match"),
        ("kuberay", {"namespace": "a b"}, "namespace must match"),
        ("kuberay", {"head": {"cpus": 2, "memory": "8Gi", "gpus": 1}}, "head.gpus: unknown key"),
        ("kuberay", {"head": {"cpus": 0, "memory": "8Gi"}}, "head.cpus"),
        ("kuberay", {"workers": {"cpus": 1, "memory": "lots", "max": 1}}, "workers.memory"),
        (
            "kuberay",
            {"workers": {"cpus": 1, "memory": "1Gi", "min": 3, "max": 2}},
            "min is 3, but max is 2",
        ),
        ("slurm", {"time": "tomorrow"}, "time must match"),
        ("slurm", {"nodes": 0}, "nodes"),
        ("slurm", {"port": 80}, "port"),
        ("slurm", {"partition": "gpu\n#SBATCH --wrap=id"}, "partition must match"),
        ("slurm", {"partition": "gpu --wrap=id"}, "partition must match"),
        ("slurm", {"setup": ["a\nb"]}, "setup.0 must match"),
        ("slurm", {"folder": "/a\nb"}, "folder must match"),
        ("slurm", {"environment": {"A B": "1"}}, "environment"),
        ("slurm", {"environment": {"MY_PASSWORD": "x"}}, "sounds like a secret"),
        ("slurm", {"environment": {"RAY_AUTH_MODE": "disabled"}}, "sounds like a secret"),
        ("slurm", {"tracking_uri": "http://me:hidden@host"}, "holds a password"),
    ],
)
def test_a_wrong_file_is_refused_by_the_name_of_its_key(kind, change, told, tmp_path):
    whole = yaml.safe_load((ROOT / "configs" / "clusters" / f"{kind}.yaml").read_text())
    line = read(tmp_path, {**whole, **change})
    assert isinstance(line, str)
    assert told in line
    assert "hidden" not in line


def test_old_keys_are_read_and_their_new_names_told_in_a_line(tmp_path, capsys):
    whole = yaml.safe_load((ROOT / "configs" / "clusters" / "kuberay.yaml").read_text())
    old = {"cpus": 8, "memory": "1Gi", "least": 2, "most": 5}
    cluster = read(tmp_path, {**whole, "workers": old})
    assert (cluster.workers.min, cluster.workers.max) == (2, 5)
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "least is now called min, most is now called max" in line


def test_a_file_with_todays_keys_is_read_in_silence(tmp_path, capsys):
    whole = yaml.safe_load((ROOT / "configs" / "clusters" / "kuberay.yaml").read_text())
    read(tmp_path, whole)
    assert capsys.readouterr().err == ""


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.lists(st.text(max_size=3), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)
    | st.sampled_from(["a\nb", "'", '"', "$(id)", "`id`", "a;b", "#", "/x y", "\x1b[31m", "-1"])
)


def places(written: object, path: tuple = ()):
    if isinstance(written, dict):
        for key, value in written.items():
            yield (*path, key)
            yield from places(value, (*path, key))


@ANY_FILE
@given(data=st.data())
def test_any_value_anywhere_is_used_or_refused_in_a_line(tmp_path, data):
    document = copy.deepcopy(data.draw(st.sampled_from(DOCUMENTS)))
    path = data.draw(st.sampled_from(sorted(places(document))))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = data.draw(VALUES)
    cluster = read(tmp_path, document)
    if not isinstance(cluster, str):
        try:
            backend_of(cluster).shown(submission(cluster, ["--space", "gap5", "--name", "a"]))
        except UsageError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("kind", available())
def test_a_kind_of_cluster_is_read_by_its_own_model(kind):
    example = next(path for path in FILES if f"kind: {kind}" in path.read_text())
    cluster = read_cluster(example)
    assert cluster.kind == kind
    assert backend_of(cluster).shown(submission(cluster, ["--space", "gap5", "--name", "a"]))


def test_an_unknown_kind_is_refused_with_the_names_of_the_others(tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text("kind: abacus\nout: /runs\n")
    with pytest.raises(UsageError, match="must be one of kuberay, ray-jobs, slurm, not 'abacus'"):
        read_cluster(path)

"""The version of the code, by git checkouts that are made here."""

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import ROOT

from search.clusters.base import Submission
from search.clusters.ray_jobs import _shipment
from search.trials.code_version import CodeVersion, code_version, commit_of

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


def git(folder: Path, *arguments: str) -> str:
    name = ["-c", "user.name=a", "-c", "user.email=a@b"]
    command = ["git", "-C", str(folder), *name, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def file(tmp_path) -> Path:
    """A module that is checked out, in a package beside a README."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "module.py").write_text("one")
    (tmp_path / "README").write_text("one")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "all")
    return tmp_path / "package" / "module.py"


def test_a_file_that_is_checked_out_has_its_commit(file):
    assert commit_of(file) == (git(file.parent, "rev-parse", "HEAD"), False)


@pytest.mark.parametrize("changed", ["package/module.py", "README"])
def test_a_tracked_file_that_was_changed_is_told_of(file, changed):
    (file.parents[1] / changed).write_text("two")
    assert commit_of(file)[1] is True


def test_a_new_file_that_git_does_not_track_is_no_change(file):
    (file.parent / "other.py").write_text("new")
    assert commit_of(file)[1] is False


def test_a_file_that_lies_in_another_checkout_untracked_has_no_commit(file):
    """As an installed package does, in an environment inside somebody's own repository."""
    installed = file.parents[1] / ".venv" / "search"
    installed.mkdir(parents=True)
    (installed / "module.py").write_text("installed")
    assert commit_of(installed / "module.py") == (None, None)


def test_a_checkout_without_a_commit_has_none(tmp_path):
    (tmp_path / "module.py").write_text("one")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    assert commit_of(tmp_path / "module.py") == (None, None)


def test_a_file_outside_any_checkout_has_none(tmp_path):
    (tmp_path / "module.py").write_text("one")
    assert commit_of(tmp_path / "module.py") == (None, None)


def test_without_git_there_is_no_commit(file, monkeypatch):
    monkeypatch.setenv("PATH", str(file.parent))
    assert commit_of(file) == (None, None)


def test_a_git_that_fails_is_no_commit(file, tmp_path, monkeypatch):
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 128\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    assert commit_of(file) == (None, None)


def test_the_repository_of_a_hook_that_runs_this_is_not_taken_for_the_files(
    file, tmp_path_factory, monkeypatch
):
    own = git(file.parent, "rev-parse", "HEAD")
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert commit_of(file) == (own, False)


def test_the_code_here_is_of_the_packages_version_and_of_this_checkout():
    found = code_version()
    assert found.version == version("convoy")
    if (ROOT / ".git").exists():
        assert found.commit == git(ROOT, "rev-parse", "HEAD")


def test_code_that_is_sent_to_a_cluster_knows_the_version_that_it_was_here(monkeypatch):
    """Its checkout stays behind."""
    sent = Submission("mine", "mine", ())
    program = (
        "from search.trials.code_version import code_version as c, __file__ as f; print(c(), f)"
    )
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with _shipment(sent) as folder:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{code_version()} {folder}/search/trials/code_version.py"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (CodeVersion("0.1.0"), "0.1.0"),
        (CodeVersion("0.1.0", "a" * 40, False), "0.1.0, commit aaaaaaaaaaaa"),
        (CodeVersion("0.1.0", "a" * 40, True), "0.1.0, commit aaaaaaaaaaaa, changed"),
    ],
)
def test_it_is_told_in_words(found, words):
    assert found.described == words

"""Where Ray's sockets are, whose paths must be short."""

import stat
from pathlib import Path

import pytest

from search.driver.local_ray import _session_folder
from trainables.boundary.errors import UsageError

SLURM = "/tmp/" + 76 * "x"


@pytest.mark.parametrize("folder", [None, "/tmp", "/tmp/job-17"])
def test_a_short_folder_is_left_to_ray(monkeypatch, folder):
    for name in ("TMPDIR", "RAY_TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    if folder is not None:
        monkeypatch.setenv("TMPDIR", folder)
    with _session_folder() as chosen:
        assert chosen is None


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
@pytest.mark.parametrize(
    "folder", [SLURM, "", "relative", "/dev/null", "/tmp/a b", "/tmp/é", "/tmp/a?b"]
)
def test_where_sockets_cannot_be_a_private_folder_is_made_and_removed(monkeypatch, name, folder):
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv(name, folder)
    with _session_folder() as chosen:
        assert stat.S_IMODE(Path(chosen).stat().st_mode) == 0o700
        socket = f"{chosen}/session_2026-11-28_16-26-58_984747_4194304/sockets/plasma_store"
        assert len(socket.encode()) <= 107
    assert not Path(chosen).exists()


def test_one_line_says_that_there_is_no_place(monkeypatch):
    monkeypatch.setenv("TMPDIR", SLURM)
    monkeypatch.setattr("search.driver.local_ray._SHORT", (SLURM,))
    with pytest.raises(UsageError, match="set RAY_TMPDIR"), _session_folder():
        pass

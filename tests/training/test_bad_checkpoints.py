"""Damaged and hostile checkpoints: loaded right or refused in one line, and no code of theirs runs.

The bytes are changed where it hurts: in the archive, and in the pickle inside with the archive's
checksums made right again.
"""

import errno
import io
import os
import pickle
import zipfile
from functools import cache

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainables.boundary.errors import UsageError
from trainables.checkpoint import load, save
from trainables.recipe import Setting
from trainables.training import TrainingData, fit

ANY_FILE = settings(
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
STATE = {"epoch": 1, "model": {"weight": torch.arange(12.0).reshape(3, 4)}, "best": {"x": 1.5}}
CHANGES = st.lists(
    st.tuples(st.floats(0, 0.999), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=4
)


def loaded(path, content: bytes) -> object:
    """What the file gives, or None if it is refused in one line."""
    path.write_bytes(content)
    try:
        return load(path)
    except UsageError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)
        return None


def changed(content: bytes, changes) -> bytes:
    """``content`` with some of its bytes replaced, at places given as shares of its length."""
    for place, length, replacement in changes:
        start = int(place * len(content))
        content = content[:start] + replacement + content[start + length :]
    return content


def bytes_of(state, **how) -> bytes:
    file = io.BytesIO()
    torch.save(state, file, **how)
    return file.getvalue()


@cache
def entries() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bytes_of(STATE))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archived(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


@ANY_FILE
@given(changes=CHANGES)
def test_a_changed_file_loads_or_is_refused(tmp_path, changes):
    loaded(tmp_path / "state.pt", changed(bytes_of(STATE), changes))


@ANY_FILE
@given(changes=CHANGES)
def test_a_changed_pickle_in_a_sound_archive_loads_or_is_refused(tmp_path, changes):
    (name,) = (name for name in entries() if name.endswith("data.pkl"))
    parts = {**entries(), name: changed(entries()[name], changes)}
    loaded(tmp_path / "state.pt", archived(parts))


@ANY_FILE
@given(changes=CHANGES)
def test_a_changed_file_of_the_older_format_loads_or_is_refused(tmp_path, changes):
    older = bytes_of(STATE, _use_new_zipfile_serialization=False)
    loaded(tmp_path / "state.pt", changed(older, changes))


@ANY_FILE
@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused(tmp_path, content):
    assert loaded(tmp_path / "state.pt", content) is None


@ANY_FILE
@given(share=st.floats(0, 0.99))
def test_a_file_that_ends_too_soon_is_refused(tmp_path, share):
    whole = bytes_of(STATE)
    assert loaded(tmp_path / "state.pt", whole[: int(share * len(whole))]) is None


class Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, mark) -> None:
        self._mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self._mark}",)


@pytest.mark.parametrize("form", ["pickle", "archive", "older"])
def test_a_checkpoint_runs_no_code_whatever_its_form(tmp_path, form):
    state = {"model": Attack(tmp_path / "ran")}
    content = {
        "pickle": lambda: pickle.dumps(state),
        "archive": lambda: bytes_of(state),
        "older": lambda: bytes_of(state, _use_new_zipfile_serialization=False),
    }[form]()
    assert loaded(tmp_path / "state.pt", content) is None
    assert not (tmp_path / "ran").exists()


def test_a_refusal_prints_nothing_besides(tmp_path, recwarn):
    loaded(tmp_path / "state.pt", pickle.dumps(Attack(tmp_path / "ran"), protocol=4))
    assert not recwarn.list


def test_a_folder_instead_of_a_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be loaded"):
        load(tmp_path)


OTHERS = {
    "empty": {},
    "another network's": {"epoch": 1, "weights": None, "model": {}, "optimizer": {}},
    "numbers": dict.fromkeys(("epoch", "weights", "model", "optimizer", "schedule", "best"), 3),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_training_does_not_go_on_from_another_state(embedded, name):
    data = TrainingData.of(embedded.limited(50, 50), torch.device("cpu"))
    setting = Setting.of("gap5", {"pool_stride": 2, "batch_size": 50}, 2, 0)
    with pytest.raises(UsageError, match="is of another training"):
        next(fit(setting, data, OTHERS[name]))


def test_what_was_saved_is_what_loads(tmp_path):
    save(STATE, tmp_path / "state.pt")
    back = load(tmp_path / "state.pt")
    assert torch.equal(back["model"]["weight"], STATE["model"]["weight"])
    assert (back["epoch"], back["best"]) == (1, {"x": 1.5})


def test_a_full_disk_is_told_as_such_and_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    class Full(io.FileIO):
        write = full

    monkeypatch.setattr(os, "fdopen", lambda handle, mode: Full(handle, mode))
    with pytest.raises(OSError, match="No space left") as raised:
        save({"a": torch.zeros(1000)}, tmp_path / "state.pt")
    assert raised.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []

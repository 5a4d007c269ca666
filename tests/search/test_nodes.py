"""What a node finds where a search will read and write."""

import os

import pytest

from search.driver.preflight import inspect_node
from trainables.data import DataSpec, load

SPEC = DataSpec("composite")


@pytest.fixture
def token(tmp_path):
    """The file that the driver has written."""
    path = tmp_path / ".convoy-0123"
    path.write_text(path.name)
    return path


def test_a_node_that_shares_the_folder_reads_the_token_and_writes_beside_it(token):
    assert inspect_node(str(token), SPEC, "embedded").folder == ""
    assert len(list(token.parent.glob(f"{token.name}-*"))) == 1


def test_a_node_with_another_folder_there_does_not_see_the_token(token):
    token.unlink()
    assert inspect_node(str(token), SPEC, "embedded").folder == "does not see it"


def test_a_token_of_another_content_is_of_another_folder(token):
    token.write_text("else")
    assert inspect_node(str(token), SPEC, "embedded").folder == "sees another folder there"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(token):
    token.parent.chmod(0o500)
    assert "cannot use it" in inspect_node(str(token), SPEC, "embedded").folder


def test_the_same_data_have_the_drivers_fingerprint(token):
    look = inspect_node(str(token), SPEC, "embedded")
    assert (look.fingerprint, look.data) == (load(SPEC, "embedded").fingerprint, "")


def test_data_that_are_damaged_there_are_told_in_the_readers_words(token, tmp_path):
    folder = tmp_path / "data"
    (folder / "train" / "a").mkdir(parents=True)
    (folder / "train" / "a" / "1.png").write_text("no image")
    look = inspect_node(str(token), SPEC, str(folder))
    assert look.fingerprint == ""
    assert str(folder) in look.data

"""What a search was asked to do, and what may have changed since."""

import pytest

from search.search_file import SearchFile, check_same, read_search_file
from trainables.boundary.errors import UsageError

WRITTEN = SearchFile("search.run", {"space": ["gap5"], "seed": 3}, {"seed": 3}, "id")


def test_a_folder_is_made_with_its_file_and_space_in_it(tmp_path):
    (tmp_path / "s.yaml").write_text("a space")
    WRITTEN.claim(tmp_path / "out" / "name", tmp_path / "s.yaml")
    assert read_search_file(tmp_path / "out" / "name") == WRITTEN
    assert (tmp_path / "out" / "name" / "space.yaml").read_text() == "a space"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["name"]


def test_a_folder_that_is_there_is_refused_and_nothing_is_left(tmp_path):
    WRITTEN.claim(tmp_path / "name", None)
    with pytest.raises(UsageError, match="name cannot be made"):
        WRITTEN.claim(tmp_path / "name", None)
    assert [path.name for path in tmp_path.iterdir()] == ["name"]


def test_a_folder_without_a_search_is_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no search in"):
        read_search_file(tmp_path / "none")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"command": 1}'])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "search.json").write_text(content)
    with pytest.raises(UsageError, match="is damaged"):
        read_search_file(tmp_path)


def test_the_same_is_the_same_whether_read_from_json_or_not():
    check_same("s", {"a": [1, 2], "b": {"c": 0.5}}, {"b": {"c": 0.5}, "a": (1, 2)})


def test_what_differs_is_named_with_both_values():
    was = {"seed": 0, "space": {"lr": {"low": 0.1}, "old": 1}}
    now = {"seed": 1, "space": {"lr": {"low": 0.2}, "new": 2}}
    with pytest.raises(UsageError) as refused:
        check_same("mine", was, now)
    message = str(refused.value)
    assert message.startswith("--resume mine: changed since it began: ")
    for told in (
        "seed was 0, is 1",
        "space.lr.low was 0.1, is 0.2",
        "space.new was nothing, is 2",
        "space.old was 1, is nothing",
    ):
        assert told in message

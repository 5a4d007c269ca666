"""Commands as they are printed for the user to copy."""

from pathlib import Path

import pytest

from search.records.shell import command, shown


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_the_default_is_left_out(here):
    uri = f"sqlite:///{here}/runs/mlflow.db"
    assert command("m", "--a", "b", out=here / "runs", uri=uri) == "python -m m --a b"


def test_what_lies_below_the_working_directory_is_named_from_there(here):
    uri = f"sqlite:///{here}/my searches/mlflow.db"
    assert command("m", out=here / "my searches", uri=uri) == (
        "python -m m --out 'my searches' --tracking-uri 'sqlite:///my searches/mlflow.db'"
    )


@pytest.mark.parametrize("place", ["/elsewhere/runs", "/"])
def test_another_place_is_named_whole(place):
    assert command("m", out=Path(place)) == f"python -m m --out {place}"
    assert command("m", uri="http://host:5000") == "python -m m --tracking-uri http://host:5000"


def test_a_folder_beside_the_working_directory_is_named_whole(here):
    assert shown(here.parent / "beside") == str(here.parent / "beside")


def test_words_are_quoted():
    assert command("m", "--cluster", "my file.yaml") == "python -m m --cluster 'my file.yaml'"

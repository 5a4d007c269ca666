"""The audit of the tested versions: what its line and its exit status are made of."""

import runpy

import pytest
from conftest import ROOT

SOUND = {"name": "ray", "version": "2.60.0", "vulns": []}
KNOWN = {
    "name": "pillow",
    "version": "13.0.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["13.0.1"]}, {"id": "PYSEC-2", "fix_versions": []}],
}
SKIPPED = {"name": "torch", "skip_reason": "not found on PyPI"}


@pytest.fixture(scope="module")
def verdict():
    return runpy.run_path(str(ROOT / ".ci" / "audit.py"))["verdict"]


def test_versions_without_a_known_vulnerability_pass(verdict):
    assert verdict({"dependencies": [SOUND]}, "") == (0, ["no known vulnerability in 1 versions"])


def test_every_known_vulnerability_is_told_and_fails(verdict):
    assert verdict({"dependencies": [SOUND, KNOWN]}, "") == (
        1,
        [
            "pillow 13.0.0: PYSEC-1, fixed in 13.0.1",
            "pillow 13.0.0: PYSEC-2, fixed in no version yet",
        ],
    )


def test_versions_that_the_database_does_not_know_are_not_called_sound(verdict):
    status, lines = verdict({"dependencies": [SOUND, SKIPPED]}, "")
    assert status == 0
    assert lines == ["NOT AUDITED: 1 of 2 versions (the first: not found on PyPI)"]


def test_a_vulnerability_fails_also_where_others_were_skipped(verdict):
    status, lines = verdict({"dependencies": [SKIPPED, KNOWN]}, "")
    assert status == 1
    assert lines[-1].startswith("NOT AUDITED: 1 of 2")


def test_a_database_that_does_not_answer_is_told_with_the_reason(verdict):
    status, lines = verdict({}, "Traceback\nConnectionError: no route to host\n")
    assert status == 0
    assert lines == [
        "NOT AUDITED: the database of vulnerabilities cannot be reached "
        "(ConnectionError: no route to host)"
    ]

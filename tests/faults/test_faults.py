"""The short form of ``make faults``, as it is run."""

import sys
from pathlib import Path

import pytest
from conftest import run_as_user

FAULTS = Path(__file__).parent


@pytest.mark.slow
def test_a_killed_and_an_interrupted_search_lose_and_repeat_nothing() -> None:
    done = run_as_user([sys.executable, str(FAULTS), "--short"])
    assert done.returncode == 0, done.stdout + done.stderr

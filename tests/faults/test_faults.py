"""The short form of ``make faults``, as it is run."""

import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = Path(__file__).parent


@pytest.mark.slow
def test_a_killed_and_an_interrupted_search_lose_and_repeat_nothing() -> None:
    command = [sys.executable, str(FAULTS), "--short"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr

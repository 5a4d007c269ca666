"""One process at a time in a search's folder."""

import os
import subprocess
import sys

import pytest

from search.driver.lock import HOLDER, locked
from trainables.boundary.errors import UsageError

HOLD = """
import sys, time
from pathlib import Path
from search.driver.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_folder_that_a_process_holds_is_refused_by_its_name(holder, tmp_path):
    with (
        pytest.raises(
            UsageError, match=rf"as process {holder.pid} on .*search\.stop {tmp_path.name} "
        ),
        locked(tmp_path),
    ):
        pass


def test_a_process_that_was_killed_holds_nothing(holder, tmp_path):
    holder.kill()
    holder.wait()
    with locked(tmp_path):
        assert str(os.getpid()) in (tmp_path / HOLDER).read_text()

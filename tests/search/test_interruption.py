"""A signal as Ray starts, when its own handler is the one that is called."""

import sys

import pytest
from conftest import run_as_user

PROGRAM = """
import os, signal, sys, time
from search import environment
environment.prepare(loopback=True)
import ray
from search.driver.interruption import ray_signals
from trainables.boundary.door import exit_status
try:
    with ray_signals():
        ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
except KeyboardInterrupt as error:
    time.sleep(4)  # as the records are closed; Ray's handler would abort after three seconds
    sys.exit(exit_status(error))
"""


@pytest.mark.slow
@pytest.mark.long
def test_records_may_take_their_time_to_close_after_a_sigterm_as_ray_starts():
    done = run_as_user([sys.executable, "-c", PROGRAM], 120)
    assert done.returncode == 143, done.stderr[-2000:]

"""``python tests/faults``: try every fault for real, and print what it left."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import command
import damaged_checkpoint
import extended
import failing_trial
import full_disk
import interrupted
import killed_driver
import killed_worker
import stopped_server
import two_searches

FAMILIES = (
    killed_driver,
    interrupted,
    killed_worker,
    failing_trial,
    damaged_checkpoint,
    stopped_server,
    full_disk,
    two_searches,
    extended,
)

if __name__ == "__main__":
    faults = [fault for family in FAMILIES for fault in family.FAULTS]
    sys.exit(command.run(faults, "python tests/faults", __doc__))

"""``python tests/containers``: search on a cluster of containers while parts of it fail."""

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).parents[1] / "faults"))
sys.path.insert(1, str(Path(__file__).parents[2]))

import command
import killed_head
import lost_nodes
import stopped_services

FAMILIES = (lost_nodes, stopped_services, killed_head)

if __name__ == "__main__":
    if shutil.which("podman") is None or os.geteuid() != 0:
        sys.exit("tests/containers: needs podman, and root to cut nodes off from each other")
    faults = [fault for family in FAMILIES for fault in family.FAULTS]
    sys.exit(command.run(faults, "python tests/containers", __doc__, at_once=1))

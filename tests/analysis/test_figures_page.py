"""The page that tells how every figure of the sources is made."""

import re
import shlex

import pytest
from conftest import ROOT

from analysis import figures
from analysis.run import command_line

COMMANDS = re.findall(
    r"`python -m analysis\.run ([^`]+)`", (ROOT / "docs" / "figures.md").read_text()
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_names_a_space_and_figures_that_are_there(command):
    arguments = command_line().parse_args(shlex.split(command))
    assert (ROOT / "configs" / "spaces" / f"{arguments.space}.yaml").is_file()
    assert set(arguments.only) <= set(figures.available())

"""The reference page tells every flag and every key that the code has."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import reference
import yaml

from search.space.reader import SPACES, available
from trainables.recipe import Recipe

ROOT = Path(__file__).parents[2]
DRAWN_BY_ABLATE = {"analysis.ablation"}  # search.ablate starts it; nobody types it
PAGE = reference.FILE.read_text()


def section(heading: str) -> str:
    """What stands below a heading, up to the next of its rank."""
    rank = heading.split()[0]
    return re.split(rf"^#{{2,{len(rank)}}} ", PAGE.split(f"\n{heading}\n")[1], flags=re.M)[0]


def test_the_page_is_what_the_code_says():
    assert reference.page() == PAGE, "make reference writes it anew"


@pytest.mark.parametrize("package", ["search", "analysis"])
def test_every_command_with_flags_has_its_section(package):
    sources = "\n".join(path.read_text() for path in sorted((ROOT / package).rglob("*.py")))
    commands = set(re.findall(r'prog="python -m ([\w.]+)"', sources)) - DRAWN_BY_ABLATE
    assert commands
    assert all(f"\n### {command}\n" in PAGE for command in commands)


@pytest.mark.parametrize("command", ["search.run", "analysis.run", "search.reconcile"])
def test_every_flag_of_the_printed_help_is_on_the_page(command):
    asked = [sys.executable, "-m", command, "--help"]
    help_text = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=300).stdout
    flags = set(re.findall(r"^  (--[a-z-]+)", help_text, flags=re.M))
    assert flags
    assert flags == set(re.findall(r"^\| `(--[a-z-]+)", section(f"### {command}"), flags=re.M))


def test_every_recipe_key_has_a_row_with_its_default_and_a_meaning():
    rows = re.findall(
        r"^\| `(\w+)` \| .+ \| `(.+)` \| .+ \|$", section("### Recipe keys"), flags=re.M
    )
    assert dict(rows) == {
        part.name: str(part.default).lower() if type(part.default) is bool else str(part.default)
        for part in fields(Recipe)
    }


@pytest.mark.parametrize("name", available())
def test_every_key_of_a_space_is_on_the_page(name):
    space = yaml.safe_load((SPACES / f"{name}.yaml").read_text())
    used = {*space, *space["baseline"], *space["budget"], *space["embedded"], *space["source"]}
    assert used <= set(re.findall(r"^\| `(\w+)`", PAGE, flags=re.M))


def test_flags_that_exclude_each_other_say_so():
    assert "not with `--logs`, `--stop`" in section("### search.submit")


def test_a_bar_in_a_cell_does_not_end_it():
    assert reference._table(["a"], [["x|y"]]) == "| a |\n| --- |\n| x\\|y |"

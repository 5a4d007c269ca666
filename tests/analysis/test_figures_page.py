"""The page that tells how every figure of the sources is made."""

import re

import pytest
from conftest import ROOT

from analysis import figures
from search.space.reader import SPACES

PAGE = (ROOT / "docs" / "figures.md").read_text()
LAST_CELLS = " ".join(re.findall(r"\| ([^|]+) \|$", PAGE, flags=re.M))
HEADINGS = " ".join(re.findall(r"^## .*, spaces? (.+)$", PAGE, flags=re.M))


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(\w+)`", LAST_CELLS))))
def test_a_table_names_a_figure(name):
    assert name in figures.available()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(\w+)`", HEADINGS))))
def test_a_heading_names_a_space(name):
    assert (SPACES / f"{name}.yaml").is_file()

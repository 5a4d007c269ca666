"""The blocks of a page that are marked as runnable are found and run as its reader would."""

from pathlib import Path

import pytest
from runnable import COPIED, Block, blocks, main, run_page

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
# Why nothing of a page is run, and what tries its commands instead.
SHOWN = {
    "architecture": "names commands for developers; own-network runs search.new",
    "containers": "needs a container engine; the page says what was checked without one",
    "index": "its two commands are those of `make demo`; first-search runs smaller ones",
    "reference": "made from the code, as test_reference.py sees to",
    "scaling": "measures for minutes: `make bench`",
    "tracking-service": "needs PostgreSQL and passwords: `make service-test`",
}
PAGE = """# Page

    echo indented

```bash
echo one > file
```

```text
echo shown
```

```bash
cat file
grep -q one file
```
"""


def test_bash_fences_alone_are_found_with_the_line_of_their_first_command():
    assert blocks(PAGE) == [Block(6, "echo one > file"), Block(14, "cat file\ngrep -q one file")]


def test_a_fence_that_is_not_closed_is_refused():
    with pytest.raises(ValueError, match="line 3"):
        blocks("# Page\n\n```bash\necho\n")


def written(tmp_path: Path, text: str) -> Path:
    page = tmp_path / "page.md"
    page.write_text(text)
    return page


def test_the_blocks_of_a_page_share_a_folder(tmp_path):
    assert run_page(written(tmp_path, PAGE)) is None
    assert not (tmp_path / "file").exists()


def test_a_failing_block_is_told_with_its_page_line_and_output(tmp_path):
    page = written(tmp_path, "```bash\necho said; false; echo never\n```\n")
    assert run_page(page) == f"{page}:2: exit status 1\nsaid\n"


def test_python_there_is_this_one_with_convoy_and_the_embedded_data(tmp_path):
    code = "import os, search; assert os.environ['CONVOY_DATA'] == 'embedded'"
    assert run_page(written(tmp_path, f'```bash\npython -c "{code}"\n```\n')) is None


def test_a_page_that_writes_into_the_checkout_does_so_in_a_copy(tmp_path):
    code = "from search.space.reader import SPACES; (SPACES / 'written.yaml').touch()"
    block = f'```bash\npython -c "{code}"\nls configs/spaces/written.yaml\n```\n'
    assert run_page(written(tmp_path, f"{COPIED}\n\n{block}")) is None
    assert not (ROOT / "configs" / "spaces" / "written.yaml").exists()


def test_pages_without_anything_to_run_are_refused(tmp_path, capsys):
    assert main([str(written(tmp_path, "# Page\n"))]) == 1
    assert "nothing to run" in capsys.readouterr().err


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_of_the_docs_can_be_read_for_blocks(page):
    assert all(block.commands for block in blocks(page.read_text()))


WITH_COMMANDS = [page for page in PAGES if "python -m " in page.read_text()]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_a_page_that_shows_commands_runs_some_or_is_known_to_run_none(page):
    assert bool(blocks(page.read_text())) != (page.stem in SHOWN)


def test_every_page_that_is_known_to_run_nothing_shows_commands():
    assert set(SHOWN) <= {page.stem for page in WITH_COMMANDS}


def test_a_page_that_does_not_exist_is_named(capsys):
    assert main(["docs/no-such-page.md"]) == 2
    assert capsys.readouterr().err.startswith("docs/no-such-page.md is not a page")

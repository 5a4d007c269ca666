"""The blocks of a page that are marked as runnable are found and run as its reader would."""

from pathlib import Path

import pytest
from runnable import Block, blocks, main, run_page

ROOT = Path(__file__).parents[2]
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


def test_pages_without_anything_to_run_are_refused(tmp_path, capsys):
    assert main([str(written(tmp_path, "# Page\n"))]) == 1
    assert "nothing to run" in capsys.readouterr().err


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.stem)
def test_every_page_of_the_docs_can_be_read_for_blocks(page):
    assert all(block.commands for block in blocks(page.read_text()))


@pytest.mark.parametrize("name", ["first-search", "reading-the-report"])
def test_the_pages_for_beginners_have_something_to_run(name):
    assert blocks((ROOT / "docs" / f"{name}.md").read_text())

"""Run what the pages say: ``python docs/runnable.py docs/PAGE.md ...``.

A fenced ``bash`` block is run; ``text`` and indented blocks are shown alone. The blocks of a page
run in its order, in one empty folder, on the embedded data. For a page with the line
of ``COPIED``, that folder holds a copy of the checkout, into which its commands may write.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT_SECONDS = 1800  # of a block; the longest takes two minutes where nothing else runs
COPIED = "<!-- run in a copy of the checkout -->"
PARTS = ("analysis", "configs", "convoy", "search", "tests", "trainables", "pyproject.toml")
_FENCE = re.compile(r"^```(\w*)$")


@dataclass(frozen=True)
class Block:
    """Shell commands of a page.

    Attributes:
        line: the line of the page, counted from 1, with the first command.
        commands: the commands as the page has them.
    """

    line: int
    commands: str


def blocks(page: str) -> list[Block]:
    """The runnable blocks of a page's text, in order.

    Raises:
        ValueError: a fence is not closed.
    """
    found: list[Block] = []
    language, start, inside = None, 0, list[str]()
    for number, line in enumerate(page.splitlines(), start=1):
        fence = _FENCE.match(line)
        if language is None and fence:
            language, start, inside = fence[1], number + 1, []
        elif language is not None and line == "```":
            if language == "bash":
                found.append(Block(start, "\n".join(inside)))
            language = None
        else:
            inside.append(line)
    if language is not None:
        raise ValueError(f"line {start - 1}: the fence is not closed")
    return found


def environment(project: Path) -> dict[str, str]:
    """The variables of a shell whose ``python`` is this one and finds Convoy and the embedded data.

    Args:
        project: the folder that Convoy's packages are in.
    """
    own = {"PYTHONPATH": str(project), "CONVOY_DATA": "embedded"}
    own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, **own}


def run_page(page: Path) -> str | None:
    """Run the blocks of a page; the block that failed, with its line and output, or None."""
    text = page.read_text()
    with tempfile.TemporaryDirectory() as name:
        folder, project = Path(name), ROOT
        if COPIED in text.splitlines():
            project = _copy(folder)
        for block in blocks(text):
            begun = time.monotonic()
            done = _run(block.commands, folder, project)
            if done.returncode:
                return f"{page}:{block.line}: exit status {done.returncode}\n{done.stdout}"
            print(f"{page}:{block.line}: {time.monotonic() - begun:.0f} s", flush=True)
    return None


def _copy(folder: Path) -> Path:
    """Copy the parts of the checkout that the pages' commands need into ``folder``."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            unwanted = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, folder / part, ignore=unwanted)
        else:
            shutil.copy(ROOT / part, folder)
    return folder


def _run(commands: str, folder: Path, project: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # nosec B607 # the shell is the reader's own
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=environment(project),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )


def main(pages: list[str]) -> int:
    """Run each of ``pages``; 0, 1 if one failed or none has commands, 2 if one is missing."""
    if missing := [page for page in pages if not Path(page).is_file()]:
        print(f"{missing[0]} is not a page; give files such as docs/tutorial.md", file=sys.stderr)
        return 2
    failures = [failure for page in pages if (failure := run_page(Path(page))) is not None]
    for failure in failures:
        print(failure, file=sys.stderr)
    ran = sum(len(blocks(Path(page).read_text())) for page in pages)
    if not ran:
        print(f"nothing to run in {' '.join(pages) or 'no page'}", file=sys.stderr)
    return int(bool(failures) or not ran)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

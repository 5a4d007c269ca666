"""A whole search where names, TMPDIR and the output are what they rarely are."""

import json
import subprocess
import sys

from conftest import ROOT, small_flags, user_environment


def test_a_search_ends_whole_with_odd_names_a_long_tmpdir_and_a_reader_that_leaves(tmp_path):
    out = tmp_path / "a?b #%20 'q' [x]"
    scratch = tmp_path / ("x" * 81)
    scratch.mkdir()
    flags = small_flags(out, "odd", "--trials", "1", "--epochs", "1", space="gap5")
    search = subprocess.Popen(
        [sys.executable, "-m", "search.run", *flags],
        cwd=ROOT,
        env={**user_environment(), "PYTHONIOENCODING": "ascii", "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert b"starting Ray" in search.stdout.readline()
    assert b"odd: gap5 on embedded" in search.stdout.readline()
    search.stdout.close()
    assert (search.wait(300), search.stderr.read()) == (0, b"")
    assert json.loads((out / "odd" / "summary.json").read_text())["status"] == "complete"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([out.name, scratch.name])

"""``python -m search.run --help``."""

from search.request.parser import search_parser

LINES, COLUMNS = 44, 80


def test_it_fits_a_screen_whatever_the_terminal_is(monkeypatch):
    for columns in ("20", "80", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        lines = search_parser().format_help().rstrip().split("\n")
        assert len(lines) <= LINES
        assert max(map(len, lines)) <= COLUMNS


def test_examples_come_before_the_flags():
    text = search_parser().format_help()
    assert text.index("--space gap5 --data embedded") < text.index("--help")


def test_every_flag_says_what_it_is():
    text = search_parser().format_help()
    for action in search_parser()._actions:
        line = next(line for line in text.split("\n") if f"  {action.option_strings[0]}" in line)
        assert len(line[22:].strip()) > 3, line

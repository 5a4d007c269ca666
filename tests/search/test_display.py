"""The table and the lines of a search, as a terminal of a given width shows them."""

import dataclasses
import io
import re

import pytest
from made_up import play, spec
from rich.console import Console

from search.commands.report import print_prose
from search.driver.display import ROWS, LiveTable, PlainLines, progress_line
from search.selection.rule import Rule
from search.trials.record import TrialRecord
from search.trials.search_board import SearchBoard
from search.trials.text import duration, settings_line

VALUES = {"optimizer": "sgd", "lr": 0.00123456, "batch_size": 128, "flip": True}
USUAL = {"optimizer": "adam", "lr": 0.00123456, "batch_size": 128, "beta": 0.9}
FREE = Rule({}, {})


@pytest.fixture
def board():
    board = SearchBoard(30, 4, 1000)
    for number in range(20):
        accuracies = [0.3 + number / 100]
        play(board.trials, spec(number, VALUES), accuracies, "ended" if number < 17 else "running")
    board.trials.failed("t16", "NonFiniteLossError: the training loss became nan")
    return board


def shown(board: SearchBoard, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(LiveTable(board, FREE, "a search", console, USUAL).render())
    return console.file.getvalue().rstrip("\n").split("\n")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_no_row_wraps(board, width):
    lines = shown(board, width)
    assert max(map(len, lines)) <= width
    assert len([line for line in lines if "/4" in line]) == ROWS


def test_the_best_the_baseline_and_those_under_way_are_shown(board):
    text = "\n".join(shown(board, 100))
    assert "baseline" in text
    assert "49.0% *" in text
    for number in (17, 18, 19):
        assert any(line.split()[:2] == [str(number), "running"] for line in text.split("\n"))


def test_a_failure_shows_its_reason(board):
    assert any("NonFiniteLossError" in line for line in shown(board, 100))


def test_the_progress_line_tells_trials_best_baseline_epochs_and_time(board):
    line = progress_line(board, FREE)
    for part in ("17/30 trials", "best 49.0%", "baseline 30.0%", "20 epochs", "elapsed", "left"):
        assert part in line


def test_plain_lines_carry_no_control_codes(board):
    console = Console(file=io.StringIO(), width=80)
    with PlainLines(board, FREE, "a search [with brackets]", console, USUAL) as lines:
        lines.trial_started(dataclasses.replace(board.records[3], epochs=0))
        lines.trial_ended(board.records[3])
    text = console.file.getvalue()
    assert "\x1b" not in text
    assert text.startswith(
        "a search [with brackets]\nsettings unless a trial's line says otherwise"
    )
    assert "trial 3 pruned: best 33.0% in epoch 1 of 1" in text


def test_a_trial_that_goes_on_says_from_where(board):
    console = Console(file=io.StringIO(), width=80)
    with PlainLines(board, FREE, "a search", console, USUAL) as lines:
        lines.trial_started(board.records[3])
    assert console.file.getvalue().splitlines()[2] == "trial 3 resumes after epoch 1"


def told_at_the_start(record) -> list[str]:
    console = Console(file=io.StringIO(), width=80)
    with PlainLines(SearchBoard(30, 4, 1000), FREE, "a search", console, USUAL) as lines:
        lines.trial_started(record)
    return console.file.getvalue().splitlines()[1:]


def test_a_trial_tells_only_the_settings_that_are_not_the_baselines(board):
    assert told_at_the_start(dataclasses.replace(board.records[3], epochs=0)) == [
        "settings unless a trial's line says otherwise: optimizer=adam lr=0.00123 batch_size=128 "
        "beta=0.9",
        "trial 3 started: optimizer=sgd flip=True",
    ]


def test_the_baseline_has_no_settings_of_its_own():
    record = TrialRecord(spec(0, USUAL), "t0")
    assert told_at_the_start(record)[1] == "trial baseline started: no difference"


def test_a_finalists_training_names_the_trial_that_it_repeats():
    begun = "trial finalist-1-seed-2 started: "
    for repeats, named in ((7, "trial 7"), (0, "the baseline")):
        asked = spec(31, VALUES, label="finalist-1-seed-2", repeats=repeats)
        record = TrialRecord(asked, "f")
        assert told_at_the_start(record)[1] == f"{begun}{named} with a fresh seed"


def test_a_finalist_that_is_out_is_told_once_with_why():
    board = SearchBoard(2, 1, 1000, finalists=2, seeds=3)
    for number, accuracy in enumerate([0.25, 0.38]):
        play(board.trials, spec(number, {"lr": accuracy}), [accuracy])
    console = Console(file=io.StringIO(), width=80)
    with PlainLines(board, FREE, "a search", console, USUAL) as lines:
        for number, (of, stream, accuracy) in enumerate(
            [(1, 2, 0.381), (0, 2, 0.247), (1, 3, 0.379)], start=2
        ):
            asked = spec(number, VALUES, label=f"finalist-{2 - of}", stream=stream, repeats=of)
            lines.trial_ended(play(board.finals, asked, [accuracy]))
    told = [line for line in console.file.getvalue().splitlines() if "out after" in line]
    assert told == [
        "the baseline is out after 1 of 3 seeds: 24.7% on average cannot reach the 38.1% of trial 1"
    ]
    assert "finals 3/4" in progress_line(board, FREE)


def test_the_table_names_the_trial_that_a_finalist_repeats(board):
    board.finals.started("f", spec(30, VALUES, label="finalist-1-seed-1", repeats=7))
    row = next(line for line in shown(board, 80) if "finalist-1-seed-1" in line)
    assert row.rstrip().endswith("trial 7 with a fresh seed")


def test_the_table_shows_at_80_columns_what_a_trial_has_of_its_own(board):
    row = next(line for line in shown(board, 80) if line.split()[:2] == ["19", "running"])
    assert row.rstrip().endswith("optimizer=sgd flip=True")


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_the_table_is_without_colours_where_they_are_not_wanted(board, monkeypatch, name, value):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv(name, value)
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    console.print(LiveTable(board, FREE, "a search", console, USUAL).render())
    text = console.file.getvalue()
    assert "running" in text
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text)


def test_settings_are_short():
    assert settings_line(VALUES) == "optimizer=sgd lr=0.00123 batch_size=128 flip=True"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (75, "1 min 15 s"),
        (3600, "1 h 00 min"),
        (7384, "2 h 03 min"),
        (3599.6, "1 h 00 min"),
        (1e7, "2,777 h 47 min"),
    ],
)
def test_durations_are_in_human_units(seconds, text):
    assert duration(seconds) == text


def test_what_is_read_wraps_between_words_on_a_terminal_alone():
    line = "settings   " + " ".join(f"key_{n}=value" for n in range(12))
    shown = {}
    for terminal in (True, False):
        console = Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=None)
        print_prose([line], console)
        shown[terminal] = console.file.getvalue().splitlines()
    assert shown[False] == [line]
    assert max(map(len, shown[True])) <= 80
    assert " ".join(part.strip() for part in shown[True]) == line
    assert all(part.startswith(11 * " ") for part in shown[True][1:])

"""What a search's own MLflow run says of it."""

import pytest
from made_up import play, spec

from search.records.description import MAX_CHARACTERS, ROWS, description
from search.selection.choice import choose
from search.selection.rule import Rule
from search.space.constraints import Limit
from search.trials.search_board import SearchBoard

USUAL = {"lr": 0.1, "flip": True}
FREE = Rule({}, {})
BOUND = Rule({"digit_following": Limit(max=0.08)}, {"digit_following": 1000})


def searched(trials: int = 3, finalists: int = 0, follows: float = 0.02, **more) -> SearchBoard:
    """Trials of an epoch, each better than the one before, and two trainings of each finalist
    and of the baseline.
    """
    board = SearchBoard(trials, 1, 100, finalists, 2)
    places = [trials - 1 - place for place in range(finalists)] + [0] * bool(finalists)
    for number in range(trials):
        values = {**USUAL, "lr": 0.1 * (number + 1), **more}
        play(board.trials, spec(number, values), [0.5 + number / 100], digit_following=follows)
    for place, repeats in enumerate(places):
        for seed in range(2):
            asked = spec(trials + 2 * place + seed, USUAL, repeats=repeats)
            accuracy = 0.5 - place / 10 + seed / 100
            play(board.finals, asked, [accuracy], digit_following=follows)
    return board


def described(board: SearchBoard, rule: Rule = FREE) -> str:
    return description("gap5", board, "complete", choose(board, rule), "", "mine")


def test_the_first_line_has_the_result_and_the_baselines():
    first = described(searched()).splitlines()[0]
    assert first == "**52.00%** validation accuracy; the baseline has 50.00%."


def test_a_confirmed_result_is_the_mean_over_fresh_seeds():
    text = described(searched(finalists=2))
    assert text.startswith("**50.50 ± 0.71%** validation accuracy; the baseline has 30.50 ± 0.71%.")
    assert "Confirmed: mean and standard deviation over 2 fresh seeds." in text
    assert "The delivered weights, chosen among these, have 51.00%, which is partly luck." in text
    assert "| 2 | 52.00% | 50.50% | 0.71% | 2 | - |" in text


def test_a_result_of_the_search_alone_is_called_luck():
    assert "Unconfirmed: the best of its trials, which is partly luck." in described(searched())


@pytest.mark.parametrize(("follows", "verdict"), [(0.02, "holds"), (0.5, "**is broken**")])
def test_it_tells_whether_a_constraint_holds(follows, verdict):
    assert f"`digit_following` at most 0.08 {verdict}: " in described(
        searched(follows=follows), BOUND
    )


def test_trials_are_told_the_best_first_with_what_is_not_the_baselines():
    rows = [line for line in described(searched()).splitlines() if line.startswith("| ")][1:]
    assert rows[1:] == [
        "| 2 | 52.00% | 1 | 1 | completed | `lr=0.3` |",
        "| 1 | 51.00% | 1 | 1 | completed | `lr=0.2` |",
        "| baseline | 50.00% | 1 | 1 | completed | `no difference` |",
    ]


def test_the_commands_to_go_on_with_name_the_search():
    text = described(searched())
    for command in ("analysis.run --search mine", "search.replay mine"):
        assert f"python -m {command}" in text.splitlines()


def test_many_long_trials_stay_within_what_mlflow_takes():
    many = searched(2 * ROWS, **{f"a_setting_with_a_long_name_{n}": 1 / 3 for n in range(30)})
    text = described(many)
    assert len(text) <= MAX_CHARACTERS
    assert "search.replay mine" in text
    assert " more" in text


def test_a_search_without_a_winner_has_a_description():
    board = SearchBoard(1, 1, 100)
    play(board.trials, spec(0, USUAL), [], "failed")
    assert described(board).startswith("**no** validation accuracy; the baseline has no.")


def test_what_the_winner_assumes_is_told():
    board = searched()
    text = description("gap5", board, "complete", choose(board, FREE), "it lies there", "mine")
    assert "It assumes that it lies there." in text

"""The study of the finals: its races, compared with a calculation of their rule."""

import json

import numpy as np
import pytest
from scipy.special import stdtrit

from studies.finals import GAP, main, outlasted, race, rates


def test_a_finalist_far_behind_is_trained_once_and_the_others_to_the_end():
    ended = race(np.array([0.67, 0.8, 0.8, 0.8]), 0.001, np.random.default_rng(0))
    assert {key: len(runs) for key, runs in ended.trainings.items()} == {0: 1, 1: 3, 2: 3, 3: 3}
    assert set(ended.out) == {0}


def is_behind(others: np.ndarray, seeds: list[int], last: np.ndarray) -> bool:
    """Whether the ``last`` one, with a trial and a seed, is out while others had so many seeds."""
    scores = [each[: n + 1] for each, n in zip(others, seeds, strict=True)]
    leader = max(scores, key=lambda each: each[1:].mean())
    squares = sum(((each - each.mean()) ** 2).sum() for each in (*scores, last))
    reach = stdtrit(sum(seeds) + 1, 0.99) * (2 * squares / (sum(seeds) + 1)) ** 0.5
    return bool(leader[1] - last[1] > reach)


def test_a_finalist_far_behind_is_out_as_often_as_student_s_t_says():
    rng, deviation, out = np.random.default_rng(1), 0.03, []
    for _ in range(2000):
        others, last = rng.normal(0.8, deviation, (3, 4)), rng.normal(0.8 - GAP, deviation, 2)
        states = ([2, 2, 2], [3, 2, 2], [3, 3, 2], [3, 3, 3])  # it returns if it is in at one
        out.append(all(is_behind(others, seeds, last) for seeds in states))
    first, _ = outlasted(deviation, 600, np.random.default_rng(0))
    assert first == pytest.approx(np.mean(out), abs=0.05)


def test_fewer_trainings_are_needed_where_settings_differ_more():
    equal, different = (rates(8, spread, 60, np.random.default_rng(0)) for spread in (0.1, 3.0))
    assert different.trained + 0.1 < equal.trained <= 1
    assert max(equal.best_out, different.best_out) <= 0.05


def test_the_command_prints_and_writes_every_line(tmp_path, capsys):
    path = tmp_path / "finals.json"
    assert main(["--races", "2", "--json", str(path)]) == 0
    written = json.loads(path.read_text())
    assert (len(written["races"]), len(written["behind"])) == (9, 3)
    assert "13 points behind" in capsys.readouterr().out

"""What a search takes from an earlier one."""

import json
import shutil

import pytest

from search.request.parser import search_options
from search.request.planning import requests
from search.request.warm_start import best_settings
from search.space.constraints import bootstrap
from search.space.reader import SPACES, read_space
from search.space.sampler import SpaceSampler
from search.trials.files import read_histories
from trainables.boundary.errors import UsageError


def asked(finished, *flags: str):
    given = ("--data", "embedded", "--out", str(finished.out), "--space", "gap5", *flags)
    (request,) = requests(search_options(given))
    return request


def test_without_finalists_the_best_three_trials_are_taken(finished):
    accuracies = [max(row["val_accuracy"] for row in rows) for rows in finished.histories()]
    order = sorted(range(len(accuracies)), key=lambda number: (-accuracies[number], number))
    values = [config["values"] for config in finished.configs()]
    assert list(best_settings(finished.out, "small")) == [values[number] for number in order[:3]]


def test_without_finalists_the_earlier_searchs_constraints_decide(tmp_path, finished):
    folder = tmp_path / "small"
    shutil.copytree(finished.out / "small", folder)
    about = json.loads((folder / "records.json").read_text())
    about["constraints"] = {"val_accuracy_aligned": {"max": 0.0}}  # the least aligned is best
    (folder / "records.json").write_text(json.dumps(about))
    records = [each.record for each in read_histories(folder) if each.record.status == "completed"]
    least = min(records, key=lambda each: (bootstrap_high(each, about), -each.best_score))
    assert best_settings(tmp_path, "small")[0] == least.values


def bootstrap_high(record, about) -> float:
    name = "val_accuracy_aligned"
    return bootstrap([record.best[name]], about["images"][name])[1]


def test_a_setting_that_an_earlier_search_shares_with_the_space_is_tried_once():
    space = read_space(SPACES / "gap5.yaml")
    known = (space.baseline, {**space.guesses[0], "swap_probability": 1.0})
    points = SpaceSampler(space, {}, known).first_points()
    assert points == SpaceSampler(space, {}).first_points()


def test_finalists_are_taken_the_winner_first(tmp_path, finished):
    folder = tmp_path / "earlier"
    folder.mkdir()
    told = finished.summary | {"finalists": [{"params": {"lr": 0.2}}, {"params": {"lr": 0.1}}]}
    (folder / "summary.json").write_text(json.dumps(told))
    assert best_settings(tmp_path, "earlier") == ({"lr": 0.2}, {"lr": 0.1})


@pytest.mark.parametrize("name", ["nothing", "../runs", ""])
def test_a_search_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"--warm-start .*holds no search of this name"):
        best_settings(tmp_path, name)


def test_the_earlier_settings_are_part_of_what_decides_the_search(finished):
    request = asked(finished, "--warm-start", "small")
    warm = request.identity["settings"]["warm"]
    assert list(request.proposals.warm) == warm == list(best_settings(finished.out, "small"))


def test_a_search_that_goes_on_takes_no_other_warm_start(finished):
    flags = ("--resume", "small", "--name", "small", "--warm-start", "small")
    with pytest.raises(UsageError, match="did not begin with --warm-start small"):
        asked(finished, *flags)


def test_a_search_around_a_run_has_its_setting_for_a_baseline(finished):
    best = finished.summary["best"]
    request = asked(finished, "--from-run", best["run_id"], "--tracking-uri", finished.uri)
    assert request.proposals.first() == best["params"]
    assert request.about == {"from_run": best["run_id"]}


def test_a_search_around_a_run_finds_the_runs_space_by_itself(finished):
    flags = ("--data", "embedded", "--out", str(finished.out))
    run = ("--from-run", finished.summary["best"]["run_id"])
    (request,) = requests(search_options([*flags, *run]))
    assert request.space_name == "gap5"


def test_a_run_that_is_not_there_is_named_by_its_flag(finished):
    with pytest.raises(UsageError, match=r"^--from-run 0123"):
        asked(finished, "--from-run", "0123")

"""A search that is resumed with more trials, more finalists or more seeds of each."""

import json
import shlex
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from conftest import SMALL, FinishedSearch, run_here
from made_up import JOB, history, play, spec
from mlflow import MlflowClient

from search import run_search
from search.proposals.finals import FinalsSearch, finals
from search.proposals.searcher import OptunaSearcher
from search.records.search_file import SearchFile, read_search_file
from search.records.summary import asked_before, is_whole, read_summary
from search.request.growth import grown, nothing_is_left
from search.request.parser import search_options
from search.request.planning import requests
from search.request.request import Request
from search.request.resume import resumed
from search.selection.choice import choose
from search.selection.race import is_whole as all_ended
from search.selection.race import race_of
from search.selection.rule import Rule
from search.space.reader import SPACES, read_space
from search.space.sampler import SpaceSampler
from search.trials.search_board import SearchBoard
from search.trials.spec import TrialSpec
from trainables.boundary.errors import UsageError

FREE = Rule({}, {})


@pytest.fixture
def out(finished, tmp_path) -> Path:
    """A folder of searches with the small search, whole, of six trials and no finals."""
    shutil.copytree(finished.out / "small", tmp_path / "small")
    return tmp_path


def asked(out: Path, *flags: str, name: str = "small") -> Request:
    options = search_options(["--resume", name, "--out", str(out), *flags])
    (request,) = requests(resumed(options))
    return request


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_more_trials_are_taken_up_and_the_earlier_budget_stays_on_record(out):
    before = read_search_file(out / "small")
    larger = grown(asked(out, "--trials", "9"))
    assert larger.earlier == [before.identity["budget"]]
    assert larger.flags == before.flags | {"trials": 9}
    assert larger.identity["budget"] == before.identity["budget"] | {"trials": 9}
    assert larger.identity | {"budget": None} == before.identity | {"budget": None}


def test_without_flags_a_search_goes_on_with_the_budget_that_it_was_given_last(out):
    grown(asked(out, "--trials", "9", "--finalists", "2")).write(out / "small")
    again = asked(out)
    assert grown(again) is None
    assert (again.budget.trials, again.budget.finalists) == (9, 2)
    grown(asked(out, "--trials", "12")).write(out / "small")
    assert [each["trials"] for each in read_search_file(out / "small").earlier] == [6, 9]


@pytest.mark.parametrize("flags", [(), ("--trials", "6"), ("--finalists", "0")])
def test_the_same_budget_is_nothing_to_take_up(out, flags):
    assert grown(asked(out, *flags)) is None
    assert is_whole(out / "small")


def test_a_search_whose_driver_died_right_after_it_was_given_more_is_not_whole(out):
    grown(asked(out, "--trials", "9")).write(out / "small")
    assert not is_whole(out / "small")


def with_final(out: Path) -> Path:
    """The search again as if it had one finalist, of one training."""
    grown(asked(out, "--finalists", "1", "--finalist-seeds", "2")).write(out / "small")
    folder = next((out / "small").glob("trial-0001-*"))
    final = out / "small" / "trial-0006-final"
    shutil.copytree(folder, final)
    config = json.loads((final / "params.json").read_text())
    more = {"number": 6, "repeats": 1, "stream": 6, "label": "finalist-1-seed-1"}
    (final / "params.json").write_text(json.dumps(config | more))
    return out


@pytest.mark.parametrize(
    ("flag", "count", "ran"),
    [("--trials", 5, 6), ("--trials", 1, 6), ("--finalists", 0, 1), ("--finalist-seeds", 1, 2)],
)
def test_less_than_has_run_is_refused_and_nothing_is_changed(out, flag, count, ran):
    before = contents(with_final(out) / "small")
    with pytest.raises(UsageError, match=f"{flag} {count} is less than the {ran} that have run"):
        grown(asked(out, flag, str(count)))
    assert contents(out / "small") == before


def test_an_interrupted_search_may_be_asked_for_fewer_trials_than_before(out):
    for trial in sorted((out / "small").glob("trial-*"))[3:]:
        shutil.rmtree(trial)
    assert grown(asked(out, "--trials", "4")).flags["trials"] == 4
    with pytest.raises(UsageError, match="--trials 2 is less than the 3 that have run"):
        grown(asked(out, "--trials", "2"))


@pytest.mark.parametrize("epochs", [2, 9])
def test_other_epochs_are_refused_with_the_command_that_starts_from_the_best_settings(out, epochs):
    with pytest.raises(
        UsageError,
        match=r"--resume small: its trials and their schedules were planned for 4 epochs",
    ) as refused:
        grown(asked(out, "--trials", "9", "--epochs", str(epochs)))
    line = str(refused.value)
    assert "\n" not in line
    words = shlex.split(line[line.index("python -m search.run") :])
    (request,) = requests(search_options(words[3:]))
    assert (request.budget.trials, request.budget.epochs) == (9, epochs)
    assert request.proposals.warm
    assert (request.seed, request.train_limit, request.fixed["schedule"]) == (1, 600, "cosine")


def test_the_same_epochs_are_none_others(out):
    assert grown(asked(out, "--trials", "9", "--epochs", "4")) is not None


def test_what_else_has_changed_is_refused_as_without_more_trials(out):
    with pytest.raises(UsageError, match="seed was 1, is 2"):
        grown(asked(out, "--trials", "9", "--seed", "2"))


def test_a_budget_that_was_edited_in_the_space_alone_is_not_taken_up(out):
    file = read_search_file(out / "small")
    budget = {**file.identity["budget"], "trials": 5}
    flags = {**file.flags, "trials": None}
    replace(file, flags=flags, identity={**file.identity, "budget": budget}).write(out / "small")
    with pytest.raises(UsageError, match=r"budget\.trials was 5, is "):
        grown(asked(out))


@pytest.fixture
def timed(out) -> Path:
    """The search as if ``--time 90s`` had ended it after 85 seconds."""
    path, file = out / "small" / "summary.json", read_search_file(out / "small")
    summary = json.loads(path.read_text()) | {"ended_by": "--time 90s", "wall_seconds": 85.0}
    path.write_text(json.dumps(summary))
    replace(file, flags={**file.flags, "time": "90s"}).write(out / "small")
    return out


REFUSED_OF_TIMED = [
    ({"trials": 9}, "--time 90s has ended it; raise that limit"),
    ({"trials": 9, "time": "1m30s"}, "--time 90s has ended it; raise that limit"),
    (
        {"time": "85s"},
        "--time 85s limits all its runs together, which have taken 1 min 25 s",
    ),
    ({"trials": 5, "time": "3m"}, "--trials 5 is less than the 6 that have run"),
    ({"epochs": 9}, "its trials and their schedules were planned for 4 epochs"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED_OF_TIMED)
def test_a_notebook_is_refused_what_the_command_is_and_nothing_is_changed(
    timed, arguments, message
):
    before = contents(timed / "small")
    flags = [f"--{key}={value}" for key, value in arguments.items()]
    with pytest.raises(UsageError, match=f"^--resume small: {message}") as command:
        nothing_is_left(asked(timed, *flags))
    with pytest.raises(UsageError) as notebook:
        run_search(resume="small", out=timed, quiet=False, **arguments)
    assert str(notebook.value) == str(command.value)
    assert contents(timed / "small") == before


@pytest.mark.parametrize(
    ("flags", "left"),
    [((), False), (("--time=1m30s",), False), (("--patience=3",), False), (("--time=91s",), True)],
)
def test_of_a_search_that_its_time_ended_something_is_left_once_it_has_more(timed, flags, left):
    assert nothing_is_left(asked(timed, *flags)) is not left


def test_of_a_whole_copy_its_own_runs_are_left_to_be_made(out):
    shutil.copytree(out / "small", out / "copy")
    assert nothing_is_left(asked(out))
    assert not nothing_is_left(asked(out, name="copy"))


def test_a_notebook_has_the_result_of_a_whole_search_and_nothing_is_changed(timed):
    before, summary = contents(timed), read_summary(timed / "small")
    result = run_search(resume="small", out=timed)
    assert json.loads(json.dumps(asdict(result.summary))) == summary
    assert [trial.number for trial in result.trials] == list(range(6))
    assert contents(timed) == before


def test_one_of_several_searches_is_refused_with_the_line_for_all(out):
    file = read_search_file(out / "small")
    flags = {**file.flags, "space": ["gap5", "nin"], "name": "all"}
    folder = (out / "small").rename(out / "all-gap5")
    replace(file, flags=flags, folder=str(folder)).write(folder)
    SearchFile("search.run", flags, {}, "id").claim(out / "all", None)
    for flag in ("--trials=9", "--time=9m", "--patience=9"):
        with pytest.raises(UsageError, match=rf"search\.run --resume all {flag}"):
            nothing_is_left(asked(out, flag, name="all-gap5"))
    both = requests(resumed(search_options(["--resume", "all", "--out", str(out), "--trials=9"])))
    assert grown(both[0]).flags["trials"] == 9


def test_a_search_file_of_an_earlier_version_has_no_earlier_budget(out):
    path = out / "small" / "search.json"
    document = json.loads(path.read_text())
    del document["earlier"]
    path.write_text(json.dumps(document))
    assert read_search_file(out / "small").earlier == []
    assert len(grown(asked(out, "--trials", "9")).earlier) == 1


def test_earlier_budgets_are_told_by_what_differs():
    budgets = [{"trials": 8, "finalists": 3}, {"trials": 24, "finalists": 1}]
    assert asked_before([*budgets, {"trials": 24, "finalists": 3}]) == (
        "at first asked for 8 trials, then 1 finalist"
    )
    assert asked_before(budgets[:1]) == asked_before([]) == ""


SCORES = [0.50, 0.70, 0.60]  # of the first trials


def played(trials: int, scores, earlier: SearchBoard | None = None, **more) -> SearchBoard:
    """A search of ``trials`` that ended with ``scores``, and the finals of an ``earlier`` one."""
    board = SearchBoard(trials, 1, 100, **{"finalists": 2, "seeds": 2, **more})
    for number, score in enumerate(scores):
        play(board.trials, spec(number, {"lr": 0.001 * (number + 1)}), [score])
    for run in earlier.finals.records if earlier else ():
        board.finals.put(run)
    return board


def raced(board: SearchBoard) -> list[TrialSpec]:
    """Train the finals that are left; seeds differ by so much that nobody is out early."""
    search, order = FinalsSearch(board, FREE, JOB), []
    scores = {record.number: record.best_score for record in board.trials.records}
    while isinstance(config := search.suggest(f"x{len(order)}"), dict):
        order.append(TrialSpec.from_config(config))
        luck = 0.2 if order[-1].stream % 2 else -0.2
        play(board.finals, order[-1], [scores[order[-1].repeats] + luck])
        search.on_trial_complete(f"x{len(order) - 1}")
    return order


def test_finalists_that_stay_keep_their_trainings_and_new_ones_have_the_same_seeds():
    before = played(3, SCORES)
    first = raced(before)
    board = played(5, [*SCORES, 0.55, 0.65], before)
    more = raced(board)
    assert [each.repeats for each in first] == [1, 2, 0, 1, 2, 0]
    assert [each.repeats for each in more] == [4, 4]
    assert [each.stream for each in more] == sorted({each.stream for each in first})
    assert all_ended(board, FREE)


def test_numbers_and_names_of_finals_come_once():
    before = played(3, SCORES)
    runs = raced(before) + raced(played(5, [*SCORES, 0.55, 0.65], before))
    assert len({each.number for each in runs}) == len({each.label for each in runs}) == len(runs)


def test_a_setting_that_drops_out_is_no_finalist_and_its_trainings_stay_on_record():
    before = played(3, SCORES)
    raced(before)
    board = played(5, [*SCORES, 0.55, 0.65], before)
    raced(board)
    assert {each.trial.number for each in choose(board, FREE).finalists} == {0, 1, 4}
    assert {run.spec.repeats for run in board.finals.records} == {0, 1, 2, 4}


def test_before_the_added_trials_have_ended_there_are_no_finalists():
    before = played(3, SCORES)
    raced(before)
    board = played(5, SCORES, before)
    race = race_of(board, FREE)
    assert (race.contenders, race.finalists, race.runs) == ((), (), [])
    assert choose(board, FREE).finalists == ()


def test_an_interrupted_training_of_a_setting_that_dropped_out_holds_nothing_up():
    before = played(3, SCORES)
    first, second, *_ = finals(before, FREE, JOB)
    play(before.finals, first, [0.71])
    play(before.finals, second, [0.61], "running")
    board = played(5, [*SCORES, 0.55, 0.65], before)
    board.finals.interrupt()
    raced(board)
    assert all_ended(board, FREE)


def test_more_seeds_are_added_to_those_that_there_are():
    before = played(3, SCORES)
    raced(before)
    more = raced(played(3, SCORES, before, seeds=3))
    assert [each.label for each in more] == [f"finalist-{place}-seed-3" for place in (1, 2, 3)]


def test_more_finalists_are_trained_with_the_seeds_that_there_are():
    before = played(3, SCORES, finalists=1)
    first = raced(before)
    more = raced(played(3, SCORES, before))
    assert [each.repeats for each in more] == [2, 2]
    assert [each.stream for each in more] == sorted({each.stream for each in first})


def test_a_better_trial_of_a_finalists_setting_takes_over_its_trainings():
    before = played(3, SCORES)
    raced(before)
    board = played(4, SCORES, before)
    play(board.trials, spec(3, {"lr": 0.002}), [0.8])  # the setting of trial 1
    assert raced(board) == []
    assert choose(board, FREE).finalists[0].trial.number == 3


def searcher(trials: int) -> OptunaSearcher:
    return OptunaSearcher(SpaceSampler(read_space(SPACES / "gap5.yaml"), {}), JOB, trials)


def test_numbers_and_seeds_of_later_finals_are_no_added_trials():
    before = played(3, SCORES)
    first = raced(before)
    board = played(3, SCORES, before, seeds=3)
    board.trials.requested = 4
    added = spec(max(each.number for each in first) + 1, {"lr": 0.009})
    play(board.trials, added, [0.9])
    more = raced(board)
    assert added.number in {each.repeats for each in more}
    assert len({each.number for each in [*first, *more, added]}) == len(first) + len(more) + 1
    assert added.seeded_by not in {each.stream for each in more}


def test_an_added_trial_has_the_setting_that_it_had_at_once_but_no_number_or_seed_of_a_final():
    at_once, grown_later = searcher(6), searcher(6)
    drawn = [TrialSpec.from_config(at_once.suggest(str(number))) for number in range(6)]
    for each in drawn[:3]:
        grown_later.recall(history(each, [0.5]))
    again = spec(3, drawn[1].values, label="finalist-1-seed-1", stream=3, repeats=1)
    grown_later.recall(history(again, [0.5]))
    added = [TrialSpec.from_config(grown_later.suggest(f"a{number}")) for number in (3, 4, 5)]
    assert [each.number for each in added] == [4, 5, 6]
    assert [each.values for each in added] == [each.values for each in drawn[3:]]
    assert again.setting.seed not in {each.setting.seed for each in added}
    resumed = searcher(6)
    for each in (*drawn[:3], again):
        resumed.recall(history(each, [0.5]))
    resumed.recall(history(added[0], [], "running"))
    later = [TrialSpec.from_config(resumed.suggest(f"b{number}")) for number in (4, 5)]
    assert [(each.number, each.values) for each in later] == [
        (each.number, each.values) for each in added[1:]
    ]


@pytest.fixture(scope="module")
def extended(small_search, tmp_path_factory) -> FinishedSearch:
    """A search of three trials and a finalist, extended to six trials and two."""
    out = tmp_path_factory.mktemp("extended")
    one_at_once = ("--concurrency", "1", "--unconstrained", "--seed", "1")
    one_at_once += ("--train-limit", "100", "--epochs", "2")
    budget = ("--trials", "3", "--finalists", "1", "--finalist-seeds", "1")
    first = small_search(out, "s", *one_at_once, *budget)
    assert first.status == 0, first.printed
    again = small_search(out, "s", "--trials", "6", "--finalists", "2", resume=True)
    assert again.status == 0, again.printed
    return again


def runs_of(search: FinishedSearch, uri: str) -> list:
    client = MlflowClient(uri)
    places = [each.experiment_id for each in client.search_experiments()]
    return client.search_runs(places, f"tags.convoy.search = '{search.name}'")


@pytest.mark.slow
def test_an_extended_search_is_whole_and_tells_both_budgets(extended):
    summary = extended.summary
    assert [each["trials"] for each in summary["budgets"]] == [3, 6]
    assert [each["finalists"] for each in summary["budgets"]] == [1, 2]
    assert (summary["status"], summary["trials"]["requested"]) == ("complete", 6)
    assert "of 6 trials (at first asked for 3 trials and 1 finalist)" in extended.printed


@pytest.mark.slow
def test_an_extended_search_has_every_trial_once_on_disk_and_in_the_store(extended):
    configs = extended.configs()
    assert sum(each["repeats"] is None for each in configs) == 6
    assert sorted(each["number"] for each in configs) == list(range(len(configs)))
    logged = [run.data.tags.get("convoy.trial_id") for run in runs_of(extended, extended.uri)]
    folders = [each.name.split("-")[2] for each in (extended.out / "s").glob("trial-*")]
    assert sorted(filter(None, logged)) == sorted(folders)


@pytest.mark.slow
def test_the_store_tells_all_budgets_one_winner_and_which_finals_dropped_out(extended):
    runs = runs_of(extended, extended.uri)
    (parent,) = [run for run in runs if run.data.tags["convoy.kind"] == "search"]
    assert parent.data.params["trials"] == "3"
    assert json.loads(parent.data.tags["convoy.budgets"]) == extended.summary["budgets"]
    (winner,) = [run for run in runs if run.data.tags.get("convoy.winner") == "true"]
    assert winner.info.run_id == extended.summary["best"]["run_id"]
    current = {id for each in extended.summary["finalists"] for id in each["runs"]}
    finals = [run.data.tags for run in runs if run.data.tags["convoy.kind"] == "finalist"]
    dropped = {each["convoy.trial_id"] for each in finals if each["convoy.dropped_out"] == "true"}
    assert {each["convoy.trial_id"] for each in finals} - dropped == current


@pytest.mark.slow
def test_the_records_of_an_extended_search_can_be_made_anew(extended, tmp_path):
    from search.reconcile import main

    before = extended.summary
    status, printed = run_here(main, ["s", "--out", str(extended.out)])
    assert (status, extended.summary) == (0, before), printed


@pytest.mark.slow
def test_a_notebook_extends_a_search_too(extended, tmp_path):
    shutil.copytree(extended.out, tmp_path / "runs")
    result = run_search(resume="s", trials=7, out=tmp_path / "runs")
    assert (result.summary.status, len(result.trials)) == ("complete", 7)
    assert [each["trials"] for each in result.summary.budgets] == [3, 6, 7]


@pytest.mark.slow
def test_all_searches_of_a_leaderboard_are_extended_together(one_ray, tmp_path):
    from search.run import main

    flags = ["--concurrency", "1", "--out", str(tmp_path)]
    asked = ["--space", "gap5", "--space", "nin", *SMALL, "--epochs", "1", "--name", "both"]
    assert run_here(main, [*asked, "--trials", "1", *flags])[0] == 0
    status, printed = run_here(main, ["--resume", "both", "--trials", "2", *flags])
    assert status == 0, printed
    summaries = [json.loads(each.read_text()) for each in tmp_path.glob("both-*/summary.json")]
    assert [each["trials"]["completed"] for each in summaries] == [2, 2]
    assert printed.count("of 2 trials (at first asked for 1 trial)") == 2
    again = requests(resumed(search_options(["--resume", "both", "--out", str(tmp_path)])))
    assert [each.budget.trials for each in again] == [2, 2]

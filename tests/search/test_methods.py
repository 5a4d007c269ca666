"""Sampler and scheduler of a search: what its flags, its space and its record say."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from search.clusters.reader import read_cluster
from search.clusters.submission import submission
from search.proposals import samplers, schedulers
from search.records.search_file import SearchFile, check_unchanged
from search.request.methods import space_in
from search.request.parser import search_options
from search.request.planning import requests
from search.request.request import Request
from search.request.resume import resumed
from search.run import main
from search.space.narrowing import narrowed
from search.space.reader import SPACES
from trainables.boundary.errors import UsageError

Write = Callable[..., Path]


@pytest.fixture
def written(tmp_path) -> Write:
    """Write gap5's space with other keys, and without the budgets' own grace and factor."""

    def write(keys: dict[str, Any], name: str = "mine", **embedded: Any) -> Path:
        space = yaml.safe_load((SPACES / "gap5.yaml").read_text())
        for budget in (space["budget"], space["embedded"]["budget"]):
            del budget["grace_epochs"], budget["reduction_factor"]
        space["budget"] |= keys.pop("budget", {})
        space["embedded"]["budget"] |= embedded.pop("budget", {})
        space["embedded"] |= embedded
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**space, **keys}, sort_keys=False))
        return path

    return write


def asked(out: Path, *flags: str) -> list[Request]:
    flags = ("--data", "embedded", "--out", str(out / "runs"), "--name", "x", *flags)
    return requests(search_options(flags))


def methods(request: Request) -> tuple[str, Any]:
    settings = request.identity["settings"]
    return settings["sampler"], settings["scheduler"]


def divided(request: Request) -> tuple[int, int]:
    return request.budget.grace_epochs, request.budget.reduction_factor


@pytest.mark.parametrize(
    ("scheduler", "recorded"),
    [
        ("none", "none"),
        ("median", {"median": {"min_samples": 3}}),
        ({"none": None}, "none"),
        ({"asha": {}}, "asha"),
        ({"median": {"min_samples": 5}}, {"median": {"min_samples": 5}}),
        ({"hyperband": {"brackets": 2}}, {"hyperband": {"brackets": 2}}),
    ],
)
def test_a_space_names_its_scheduler_with_options_or_without(
    written, tmp_path, scheduler, recorded
):
    (request,) = asked(tmp_path, "--space", str(written({"scheduler": scheduler})))
    assert methods(request)[1] == recorded


def test_a_space_that_names_none_has_the_defaults(tmp_path):
    (request,) = asked(tmp_path, "--space", "gap5")
    assert methods(request) == (samplers.DEFAULT, schedulers.DEFAULT)


NEW_FORM = {"asha": {"grace_epochs": 5, "reduction_factor": 4}}


def test_a_schedulers_options_are_the_budgets_as_the_old_keys_were(written, tmp_path):
    old = written({"budget": {"grace_epochs": 5, "reduction_factor": 4}}, "old")
    new = written({"scheduler": NEW_FORM}, "new")
    both = written({"scheduler": NEW_FORM, "budget": {"grace_epochs": 5}}, "both")
    assert space_in(old).budget == space_in(new).budget == space_in(both).budget
    (request,) = asked(tmp_path, "--space", str(new))
    assert divided(request) == (5, 4)
    scheduler = request.proposals.scheduler(request.job(1), request.budget.asked(epochs=25))
    assert [rung for rung, _ in scheduler._brackets[0]._rungs] == [20, 5]


@pytest.mark.parametrize(
    ("embedded", "expected"),
    [
        ({}, (5, 4)),
        ({"budget": {"grace_epochs": 3}}, (3, 4)),
        ({"scheduler": {"asha": {"grace_epochs": 2}}}, (2, 3)),
        ({"scheduler": "hyperband", "budget": {"grace_epochs": 3}}, (3, 3)),
    ],
)
def test_on_the_embedded_data_its_own_scheduler_and_budget_come_first(
    written, tmp_path, embedded, expected
):
    space = written({"scheduler": NEW_FORM}, **embedded)
    (request,) = asked(tmp_path, "--space", str(space))
    assert divided(request) == expected
    assert space_in(space).budget_on("elsewhere").grace_epochs == 5


def test_on_the_embedded_data_its_own_methods_are_used_and_elsewhere_the_spaces(written, tmp_path):
    space = written({"sampler": "tpe"}, sampler="random", scheduler="none")
    (request,) = asked(tmp_path, "--space", str(space))
    assert methods(request) == ("random", "none")
    read = space_in(space)
    assert (read.sampler, read.scheduler.name) == ("tpe", schedulers.DEFAULT)


BAD = [
    ({"scheduler": "ashaa"}, {}, "scheduler 'ashaa' does not exist; did you mean asha?"),
    ({"sampler": "rnadom"}, {}, "sampler 'rnadom' does not exist; did you mean random?"),
    ({}, {"scheduler": "medain"}, "embedded.scheduler 'medain' does not exist; did you mean med"),
    ({}, {"sampler": "tpee"}, "embedded.sampler 'tpee' does not exist; did you mean tpe?"),
    ({"scheduler": {"asha": {"grace_epoch": 5}}}, {}, "grace_epoch: unknown key; did you mean"),
    ({"scheduler": {"asha": {"grace_epochs": 0}}}, {}, "scheduler.asha.grace_epochs must be at"),
    ({"scheduler": {"none": {"grace_epochs": 5}}}, {}, "scheduler: none takes no options"),
    ({"scheduler": {"asha": 5}}, {}, "scheduler must be a scheduler's name with its options"),
    ({"scheduler": {"grace_epochs": 5}}, {}, "scheduler must be a scheduler's name with its"),
    ({"scheduler": {"asha": {}, "none": {}}}, {}, "scheduler must be a scheduler's name, such as"),
    ({"scheduler": ["asha"]}, {}, "scheduler must be a scheduler's name, such as asha, or {asha:"),
    ({"scheduler": None}, {}, "scheduler must be a scheduler's name, such as asha"),
    ({"scheduler": {}}, {}, "scheduler must be a scheduler's name, such as asha"),
    ({"sampler": ["tpe"]}, {}, "sampler must be of type str, not a list"),
    ({"sampler": None}, {}, "sampler 'null' does not exist; choose one of "),
    (
        {"scheduler": NEW_FORM, "budget": {"grace_epochs": 3}},
        {},
        "scheduler.asha.grace_epochs is 5, but the budget's grace_epochs is 3; keep one of the two",
    ),
    (
        {},
        {"scheduler": {"median": {"grace_epochs": 2}}, "budget": {"grace_epochs": 3}},
        "embedded.scheduler.median.grace_epochs is 2, but the budget's grace_epochs is 3; keep",
    ),
]


@pytest.mark.parametrize(("keys", "embedded", "message"), BAD)
def test_what_is_wrong_is_told_in_a_line_by_check_and_before_a_search(
    written, tmp_path, capsys, keys, embedded, message
):
    path = written(json.loads(json.dumps(keys)), **json.loads(json.dumps(embedded)))
    search = ["--space", str(path), "--data", "embedded", "--out", str(tmp_path / "runs")]
    begun = f"{path.stem}: reading the data, starting Ray\n"
    for flags, line in ((["--check", str(path)], ""), (search, begun)):
        assert main(flags) == 2
        printed, error = capsys.readouterr()
        assert error.startswith(f"error: {path}: ")
        assert message in error
        assert (printed, error.count("\n")) == (line, 1)
    assert not (tmp_path / "runs").exists()


def test_check_names_methods_that_are_not_the_usual_ones(written, capsys):
    assert main(["--check", str(written({"sampler": "random", "scheduler": "median"}))]) == 0
    assert capsys.readouterr().out.endswith("epochs; sampler random, scheduler median\n")


@pytest.mark.parametrize(("scheduler", "told"), [("asha", True), ("median", True), ("none", False)])
def test_a_grace_that_lets_nothing_be_stopped_is_told_where_there_is_one(scheduler, told, capsys):
    assert main(["--check", "gap5", "--epochs", "3", "--scheduler", scheduler]) == 0
    remark = "no trial is stopped early: the space's grace of 5 epochs is not below the 3"
    assert (remark in capsys.readouterr().out) is told


FLAGS = ("--sampler", "random", "--scheduler", "hyperband")


@pytest.mark.parametrize(
    ("scheduler", "options"),
    [
        ("asha", {"grace_epochs": 3, "reduction_factor": 3}),
        ("hyperband", {"grace_epochs": 3, "reduction_factor": 3, "brackets": 3}),
        ("median", {"grace_epochs": 3, "min_samples": 3}),
        ("none", {}),
    ],
)
def test_the_records_hold_what_the_scheduler_uses(tmp_path, scheduler, options):
    (request,) = asked(tmp_path, "--space", "gap5", "--scheduler", scheduler)
    names = {"sampler": samplers.DEFAULT, "scheduler": scheduler}
    assert request.proposals.params(request.budget) == {**names, **options}


def test_what_is_sent_to_a_cluster_names_them_or_is_refused():
    cluster = read_cluster(ROOT / "configs" / "clusters" / "ray.yaml")
    sent = submission(cluster, ["--space", "gap5", *FLAGS])
    assert {"--sampler=random", "--scheduler=hyperband"} <= set(sent.flags)
    with pytest.raises(UsageError, match="--scheduler 'medain' does not exist; did you mean"):
        submission(cluster, ["--space", "gap5", "--scheduler", "medain"])


def test_a_narrowed_space_names_what_the_space_names(written):
    space = space_in(written({"scheduler": "median"}))
    near = narrowed(space, space.baseline)
    assert near.model_fields_set & {"sampler", "scheduler"} == {"scheduler"}
    assert (near.scheduler, near.budget) == (space.scheduler, space.budget)


def test_flags_name_the_methods_of_all_spaces(written, tmp_path):
    space = written({"scheduler": {"median": {"grace_epochs": 4}}}, budget={"epochs": 9})
    found = asked(tmp_path, "--space", str(space), "--space", "nin", *FLAGS)
    assert [methods(each) for each in found] == [("random", {"hyperband": {"brackets": 3}})] * 2
    assert divided(found[0]) == (4, 3)  # the grace stays the space's


def test_a_flag_that_names_the_spaces_scheduler_leaves_it_its_options(written, tmp_path):
    space = written({"scheduler": {"median": {"min_samples": 7}}})
    (request,) = asked(tmp_path, "--space", str(space), "--scheduler", "median")
    assert methods(request)[1] == {"median": {"min_samples": 7}}


@pytest.mark.parametrize(
    ("flag", "name", "told"),
    [
        ("--sampler", "tepe", "--sampler 'tepe' does not exist; did you mean tpe?"),
        ("--scheduler", "Asha", "--scheduler 'Asha' does not exist; did you mean asha?"),
        ("--scheduler", "", "--scheduler '' does not exist"),
        ("--scheduler", "asha.py", "--scheduler 'asha.py' does not exist; did you mean asha?"),
        (
            "--scheduler",
            "../planned",
            "--scheduler '../planned' does not exist; choose one of asha",
        ),
    ],
)
def test_a_flag_with_a_name_that_does_not_exist_is_refused(tmp_path, capsys, flag, name, told):
    for flags in (["--space", "gap5", "--data", "embedded"], ["--check", "gap5"]):
        assert main([*flags, flag, name, "--out", str(tmp_path / "runs")]) == 2
        assert capsys.readouterr().err.startswith(f"error: {told}")


def begun(out: Path, *flags: str, earlier: bool = False) -> list[Request]:
    """Searches whose folders are made; ``earlier``: by a version that knew no names."""
    found = asked(out, *flags)
    for each in found:
        decides, recorded = each.identity, each.flags
        if earlier:
            settings = {k: v for k, v in decides["settings"].items() if k not in NAMES}
            decides = {**decides, "settings": settings}
            recorded = {k: v for k, v in recorded.items() if k not in NAMES}
        SearchFile("search.run", recorded, decides).claim(each.folder, each.space_file)
    if len(found) > 1:
        SearchFile("search.run", recorded, {}).claim(out / "runs" / "x", None)
    return found


NAMES = ("sampler", "scheduler")


def goes_on(out: Path, *flags: str) -> list[Request]:
    argv = ["--resume", "x", "--out", str(out / "runs"), *flags]
    found = requests(resumed(search_options(argv)))
    for each in found:
        if each.folder.exists():
            check_unchanged(each.folder, each.identity)
    return found


@pytest.fixture
def other_defaults(monkeypatch) -> None:
    """As if a later version had other ones."""
    from search.space.methods import SchedulerChoice
    from search.space.space import Space

    def read(path: Path) -> Space:
        space = space_in(path)
        usual = {"sampler": "random", "scheduler": SchedulerChoice(name="none")}
        changes = {key: usual[key] for key in usual.keys() - space.model_fields_set}
        changed = space.model_copy(update=changes)
        changed.model_fields_set.difference_update(changes)
        return changed

    monkeypatch.setattr("search.request.planning.space_in", read)


@pytest.mark.parametrize("earlier", [True, False])
def test_a_search_goes_on_with_the_defaults_with_which_it_began(
    tmp_path, monkeypatch, earlier, request
):
    begun(tmp_path, "--space", "gap5", earlier=earlier)
    request.getfixturevalue("other_defaults")
    (found,) = goes_on(tmp_path)
    assert methods(found) == ("tpe" if earlier else "gp", "asha")


def test_of_several_searches_one_that_had_not_begun_is_as_the_others(tmp_path, request):
    searches = begun(tmp_path, "--space", "gap5", "--space", "nin", earlier=True)
    shutil.rmtree(searches[1].folder)
    request.getfixturevalue("other_defaults")
    assert [methods(each) for each in goes_on(tmp_path)] == [("tpe", "asha")] * 2


def test_a_space_of_an_earlier_version_that_named_them_goes_on_with_these(written, tmp_path):
    names = {"sampler": "random", "scheduler": "none"}
    (search,) = begun(tmp_path, "--space", str(written(names)), earlier=True)
    record = search.folder / "search.json"
    document = json.loads(record.read_text())
    document["decides"]["settings"] |= names
    record.write_text(json.dumps(document))
    assert [methods(each) for each in goes_on(tmp_path)] == [("random", "none")]


def test_a_search_goes_on_with_the_methods_of_its_flags(tmp_path):
    begun(tmp_path, "--space", "gap5", *FLAGS)
    (found,) = goes_on(tmp_path)
    assert methods(found) == ("random", {"hyperband": {"brackets": 3}})


@pytest.mark.parametrize("earlier", [True, False])
def test_other_methods_are_refused_as_it_goes_on(tmp_path, earlier):
    began = "tpe" if earlier else "gp"
    begun(tmp_path, "--space", "gap5", earlier=earlier)
    with pytest.raises(UsageError, match=rf'settings\.sampler was "{began}", is "random"'):
        goes_on(tmp_path, "--sampler", "random")
    with pytest.raises(UsageError, match=r'settings\.scheduler was "asha", is "none"'):
        goes_on(tmp_path, "--scheduler", "none")
    assert methods(goes_on(tmp_path, "--scheduler", "asha", "--sampler", began)[0])


def test_other_options_are_refused_as_it_goes_on(written, tmp_path):
    begun(tmp_path, "--space", str(written({"scheduler": {"median": {"min_samples": 4}}})))
    written({"scheduler": {"median": {"min_samples": 5}}})
    with pytest.raises(UsageError, match=r"settings\.scheduler\.median\.min_samples was 4, is 5"):
        goes_on(tmp_path)


def test_the_form_of_a_space_can_be_changed_before_it_goes_on(written, tmp_path):
    old = {"grace_epochs": 5, "reduction_factor": 4}
    begun(tmp_path, "--space", str(written({"budget": old}, budget=old)))
    written({"scheduler": NEW_FORM})
    assert divided(goes_on(tmp_path)[0]) == (5, 4)

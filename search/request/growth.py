"""``--resume NAME`` with another budget: more trials, more finalists or more seeds of each."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from search.records.ownership import original_of
from search.records.search_file import SearchFile, check_same, check_unchanged, read_search_file
from search.records.shell import command
from search.records.summary import is_whole, read_summary
from search.request.options import SearchOptions, spelled
from search.request.request import Request
from search.request.termination import check_limits, check_open
from search.trials.files import read_histories
from trainables.boundary.errors import UsageError
from trainables.boundary.wording import counted

_GROWS = ("trials", "finalists", "finalist_seeds")
_LIMITS = ("time", "patience")


def grown(request: Request) -> SearchFile | None:
    """The new ``search.json`` of a search that is resumed with another budget; else None.

    Only flags change the budget. An edited budget in the space file is ignored.

    Raises:
        UsageError: something else of the request has changed, or more has run than is asked for.
    """
    written = read_search_file(request.folder)
    before, asked = written.identity.get("budget", {}), request.identity["budget"]
    if request.kind == "search" and request.flags.get("epochs") is not None:
        _check_epochs(request, before.get("epochs"))
    changes = {
        key: asked[key]
        for key in _GROWS
        if request.flags.get(key) is not None and before.get(key, asked[key]) != asked[key]
    }
    if not changes:
        check_unchanged(request.folder, request.identity)
        return None
    identity = {**written.identity, "budget": {**before, **changes}}
    search_file = replace(
        written,
        identity=identity,
        flags={**written.flags, **changes},
        earlier=[*written.earlier, before],
    )
    check_same(request.name, search_file.comparable, request.identity)
    _check_ran(request, before, changes)
    return search_file


def with_flags(search_file: SearchFile, request: Request) -> SearchFile:
    """The ``search.json`` of a search, or a group, with the budget and limits of the new flags."""
    keys = (*_GROWS, *_LIMITS)
    asked = {key: value for key in keys if (value := request.flags.get(key)) is not None}
    return replace(search_file, flags={**search_file.flags, **asked})


def nothing_is_left(request: Request) -> bool:
    """True if a search that is resumed alone is whole and the flags ask for nothing more.

    It is False for a copy that has no MLflow runs of its own yet: these must still be written.

    Raises:
        UsageError: the search cannot do what the flags ask for.
    """
    name, folder, termination = request.name, request.folder, request.termination
    check_limits(name, [folder], termination)
    larger = grown(request)
    _check_alone(request)
    if larger is not None:
        check_open(name, folder, termination)
    if larger is not None or original_of(folder, request.tracking_uri) is not None:
        return False
    return is_whole(folder) and not termination.lets_go_on(read_summary(folder))


def _check_alone(request: Request) -> None:
    """Raise UsageError if a single search of a group is given another budget or limit."""
    written, now = read_search_file(request.folder).flags, request.flags
    keys = (*_GROWS, *_LIMITS)
    words = [f"{spelled(key)}={now[key]}" for key in keys if now.get(key) != written.get(key)]
    if words and request.group:
        line = command("search.run", "--resume", request.group, *words, out=request.out)
        raise UsageError(
            f"--resume {request.name}: the searches of {request.group} share one budget, so that "
            f"they can be compared; change it for all of them: {line}"
        )


def _check_epochs(request: Request, before: int | None) -> None:
    """Raise UsageError if the flags ask for another number of epochs."""
    epochs = request.budget.epochs
    if before is None or before == epochs:
        return
    raise UsageError(
        f"--resume {request.name}: its trials and their schedules were planned for "
        f"{counted(before, 'epoch')}, not {epochs}; begin a new search with its best settings: "
        f"{_warm_start(request)}"
    )


def _warm_start(request: Request) -> str:
    """The command for a new search that first tries the finalists of this one."""
    flags = {key: value for key, value in request.flags.items() if key in SearchOptions.flags()}
    spaces = [each for each in flags["space"] if Path(each).stem == request.space_name]
    anew: dict[str, Any] = {"name": None, "tracking_uri": None, "warm_start": request.name}
    options = SearchOptions.of({**flags, **anew, "space": spaces})
    uri = request.tracking_uri if flags["tracking_uri"] else ""
    return command("search.run", *options.words(), out=request.out, uri=uri)


def _check_ran(request: Request, before: dict[str, Any], changes: dict[str, int]) -> None:
    """Raise UsageError if more trials or finals have run than ``changes`` ask for."""
    records = [history.record for history in read_histories(request.folder)]
    finals = any(record.spec.repeats is not None for record in records)
    trials = sum(record.spec.repeats is None for record in records)
    ran = {key: before[key] for key in changes if finals} | {"trials": trials}
    for key, count in changes.items():
        if count < ran.get(key, 0):
            raise UsageError(
                f"--resume {request.name}: {spelled(key)} {count} is less than the {ran[key]} that "
                f"have run; ask for {ran[key]} or more, or omit the flag"
            )

"""From the flags of ``search.run`` to requests, all checked before anything is written."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from search.around import around
from search.constraints import measurable
from search.flags import (
    ALL,
    assignment,
    check_flags,
    check_free,
    new_name,
    out_folder,
    tracking_uri,
)
from search.proposals import Explore
from search.recorded import recorded_task
from search.request import Limits, Request
from search.search_file import read_search_file
from search.space import Budget, Space, available, read_space, space_file
from search.warm_start import best_settings
from trainables import architectures
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked
from trainables.data import Dataset, DataSpec, load, resolve
from trainables.recipe import Setting, Value
from trainables.training import check_fits


@dataclass(frozen=True)
class _Named:
    """A space that was asked for, with the values that are given in it."""

    path: Path
    space: Space
    fixed: dict[str, Value]


def requests(arguments: argparse.Namespace) -> list[Request]:
    """A request for every space that is asked for, all with as many trials of as many epochs.

    Raises:
        UsageError: a flag or file is wrong.
    """
    check_flags(arguments)
    origin = _origin(arguments)
    if not arguments.space:
        raise UsageError("--space is missing; choose one of " + ", ".join(available()))
    source = resolve(arguments.data)
    spaces = _spaces(arguments, source, origin)
    names = _names(arguments, [each.path.stem for each in spaces])
    tracking = tracking_uri(arguments)
    budget = _budget(arguments, [each.space.budget_on(source) for each in spaces])
    asked = [
        _request(arguments, each, name, source, tracking, budget)
        for each, name in zip(spaces, names, strict=True)
    ]
    return [each for each in asked if each.name == arguments.resume] or asked


def group_name(arguments: argparse.Namespace) -> str:
    """Name of the leaderboard, and of its folder; empty for a single space."""
    return str(arguments.name) if len(arguments.space) > 1 else ""


def _request(
    arguments: argparse.Namespace,
    named: _Named,
    name: str,
    source: str,
    tracking: str,
    budget: Budget,
) -> Request:
    space, out = named.space, out_folder(arguments)
    data = _data(arguments, space, source)
    dataset = load(data, source).limited(arguments.train_limit, arguments.val_limit)
    drawn = dataset.has_digits and dataset.name != "folder"
    if arguments.val_alignment is not None and not drawn:
        raise UsageError(
            f"--val-alignment: no digits are drawn for {named.path.stem} from {source}"
        )
    _check_fits(space, named.fixed, dataset)
    constraints = {} if arguments.unconstrained else measurable(space.constraints, dataset.val)
    warm = _warm(arguments, name)
    return Request(
        name=name,
        kind="search",
        space_name=named.path.stem,
        space_file=named.path.resolve(),
        reference=space.source,
        architecture=space.architecture,
        data=data,
        proposals=Explore(space, named.fixed, constraints, warm),
        source=source,
        dataset=dataset,
        train_limit=arguments.train_limit,
        val_limit=arguments.val_limit,
        budget=budget,
        seed=arguments.seed,
        limits=limits(arguments),
        out=out,
        tracking_uri=tracking,
        quiet=arguments.quiet,
        group=group_name(arguments),
        fixed=named.fixed,
        constraints=constraints,
        about=_about(arguments),
        flags=flags(arguments, source),
        resumed=arguments.resume is not None,
        beside=_beside(arguments, name),
    )


def _data(arguments: argparse.Namespace, space: Space, source: str) -> DataSpec:
    """The space's data from ``source``, with the validation digits that are asked for."""
    data = space.data_on(source)
    if arguments.val_alignment is None:
        return data
    try:
        return replace(data, val_alignment=arguments.val_alignment)
    except UsageError as error:
        raise UsageError(f"--val-alignment: {error}") from error


def _warm(arguments: argparse.Namespace, name: str) -> tuple[dict[str, Value], ...]:
    """What another search found; of a search that goes on, what was read when it began."""
    if arguments.warm_start is None:
        return ()
    out = out_folder(arguments)
    if arguments.resume is not None and (out / name).exists():
        written = read_search_file(out / name)
        if written.flags.get("warm_start") != arguments.warm_start:
            raise UsageError(
                f"--resume {arguments.resume}: it was not begun with --warm-start "
                f"{arguments.warm_start}; leave that out, or begin a new search"
            )
        return tuple(written.decides.get("settings", {}).get("warm", ()))
    return best_settings(out, arguments.warm_start)


def _origin(arguments: argparse.Namespace) -> dict[str, Value] | None:
    """The setting of ``--from-run``, whose space is searched unless another is named."""
    if arguments.from_run is None:
        return None
    task, space = recorded_task(tracking_uri(arguments), arguments.from_run, "--from-run")
    arguments.space = arguments.space or [space]
    if len(arguments.space) > 1 or arguments.space == [ALL]:
        raise UsageError("--from-run: a run belongs to one space; name one --space, or none")
    return task.values


def _about(arguments: argparse.Namespace) -> dict[str, str]:
    """What else the records tell of a search."""
    told = {"from_run": arguments.from_run, "warm_start": arguments.warm_start}
    return {key: value for key, value in told.items() if value is not None}


def _beside(arguments: argparse.Namespace, name: str) -> tuple[str, ...]:
    """The other searches of the group, if they run at the same time: on a cluster."""
    if arguments.address is None or len(arguments.space) < 2:
        return ()
    names = (f"{arguments.name}-{Path(each).stem}" for each in arguments.space)
    return tuple(each for each in names if each != name)


def flags(arguments: argparse.Namespace, source: str) -> dict[str, Any]:
    """The flags with what they stand for now, for ``--resume`` from wherever it is given."""
    kept = {k: v for k, v in vars(arguments).items() if k not in ("out", "resume", "list")}
    uri = arguments.tracking_uri
    return {**kept, "data": source, "tracking_uri": uri and masked(uri)}


def limits(arguments: argparse.Namespace) -> Limits:
    """What the flags let a search use."""
    return Limits(
        arguments.cpus_per_trial,
        arguments.gpus_per_trial,
        arguments.concurrency,
        arguments.address,
        arguments.pack,
    )


def _spaces(
    arguments: argparse.Namespace, source: str, origin: dict[str, Value] | None
) -> list[_Named]:
    """The spaces that are asked for, each once; ``arguments.space`` becomes their names.

    Around ``origin``, a setting, if there is one.
    """
    asked = [name for each in arguments.space for name in (available() if each == ALL else [each])]
    names = list(dict.fromkeys(asked))
    paths = [space_file(name) for name in names]
    arguments.space = [
        name if name in available() else str(path.resolve())
        for name, path in zip(names, paths, strict=True)
    ]
    if len({path.stem for path in paths}) < len(paths):
        raise UsageError("--space: two of the spaces have files of the same name")
    read = ((path, read_space(path)) for path in paths)
    spaces = [(path, around(space, origin) if origin else space) for path, space in read]
    given = dict(assignment(written) for written in arguments.set)
    known = [{key for key in given if space.has_key(key)} for _, space in spaces]
    for key, value in given.items():
        if not any(key in keys for keys in known):
            spaces[0][1].check_value(key, value)  # tells which keys there are
    return [
        _Named(path, space, space.fixed_on(source, {key: given[key] for key in keys}))
        for (path, space), keys in zip(spaces, known, strict=True)
    ]


def _names(arguments: argparse.Namespace, stems: list[str]) -> list[str]:
    """Name of each search; with several, ``arguments.name`` becomes their group's."""
    out, several = out_folder(arguments), len(stems) > 1
    name = new_name(arguments.name, "leaderboard" if several else stems[0])
    if several and len(name) + 1 + max(map(len, stems)) > 100:
        raise UsageError(f"--name {name}: too long for NAME-SPACE to stay within 100 letters")
    names = [f"{name}-{stem}" for stem in stems] if several else [name]
    for each in (name, *names):
        if arguments.resume is None:
            check_free(each, out)
    arguments.name = name
    return names


def _budget(arguments: argparse.Namespace, budgets: list[Budget]) -> Budget:
    """One budget for all, so that they can be compared: the largest of theirs, or what is asked."""
    largest = max(budgets, key=lambda budget: budget.trials * budget.epochs)
    finals = arguments.finalists, arguments.finalist_seeds
    return largest.asked(arguments.trials, arguments.epochs, *finals)


def _check_fits(space: Space, fixed: dict[str, Value], dataset: Dataset) -> None:
    """Build the baseline's network, so that images that it cannot take are refused at once."""
    known = architectures.parameters(space.architecture)
    own = {key: v for key, v in {**space.baseline, **fixed}.items() if key in known}
    check_fits(Setting.of(space.architecture, own, 1, 0), dataset)

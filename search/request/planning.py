"""Turns the options of ``search.run`` into requests, all checked before anything is written."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from search.proposals.explore import Explore
from search.records.run_reader import spec_and_space
from search.records.search_file import read_search_file
from search.records.tracking import absolute
from search.request.flags import (
    ALL,
    assignments,
    check_address,
    check_free,
    check_named,
    new_name,
    out_folder,
    tracking_uri,
)
from search.request.initial_weights import initial_weights, with_init
from search.request.methods import check_flags, space_in, with_methods
from search.request.options import SearchOptions, TrainingOptions
from search.request.request import Limits, Request
from search.request.termination import Termination
from search.request.warm_start import best_settings
from search.space.budget import Budget
from search.space.constraints import measurable, unmeasured
from search.space.narrowing import narrowed
from search.space.reader import available, space_file
from search.space.space import Space
from trainables import architectures, scores
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked
from trainables.data import Dataset, DataSpec, load, resolve
from trainables.recipe import Setting, Value
from trainables.training import check_fits


@dataclass(frozen=True)
class _SpaceRequest:
    """A space to search.

    Attributes:
        name: shipped space's name, or the file's path, which ``--resume`` can read from anywhere.
        path: path of its file.
        space: the space that the file holds, narrowed where ``--from-run`` gives a setting.
        fixed: values that all trials share.
    """

    name: str
    path: Path
    space: Space
    fixed: dict[str, Value]


def requests(options: SearchOptions) -> list[Request]:
    """One request for each space, all with the same numbers of trials and epochs.

    Raises:
        UsageError: a flag or file is wrong.
    """
    check_address(options.address)
    check_flags(options)
    options = with_init(options)
    names, setting = _origin(options)
    check_named(names)
    source = resolve(options.data)
    spaces = _spaces(names, options.set, source, setting)
    name, searches = _names(options, [each.path.stem for each in spaces])
    stands_for = {"space": tuple(each.name for each in spaces), "name": name, "data": source}
    options = options.model_copy(update=stands_for)
    budget = _budget(options, [each.space.budget_on(source) for each in spaces])
    tracking = tracking_uri(options)
    wanted = [
        _request(options, each, name, searches, source, tracking, budget)
        for each, name in zip(spaces, searches, strict=True)
    ]
    return [each for each in wanted if each.name == options.resume] or wanted


def _request(
    options: SearchOptions,
    asked: _SpaceRequest,
    name: str,
    searches: tuple[str, ...],
    source: str,
    tracking: str,
    budget: Budget,
) -> Request:
    """The request for one space; ``searches`` names all searches of the same command."""
    space = with_methods(asked.space, options, source, _methods(options, name))
    data = _data(options, space, source, name)
    dataset = load(data, source).limited(options.train_limit, options.val_limit)
    _check_drawn(options, dataset, f"{asked.path.stem} from {source}")
    _check_fits(space, asked.fixed, dataset)
    wanted = {} if options.unconstrained else space.constraints
    constraints = measurable(wanted, dataset.val)
    return Request(
        name=name,
        kind="search",
        space_name=asked.path.stem,
        space_file=asked.path.resolve(),
        reference=space.source,
        architecture=space.architecture,
        data=data,
        proposals=Explore(space, asked.fixed, constraints, _warm(options, name)),
        source=source,
        dataset=dataset,
        train_limit=options.train_limit,
        val_limit=options.val_limit,
        budget=_as_begun(options, name, budget, space.budget_on(source).epochs),
        seed=options.seed,
        limits=limits(options),
        out=out_folder(options),
        tracking_uri=tracking,
        quiet=options.quiet,
        group=str(options.name) if len(searches) > 1 else "",
        fixed=asked.fixed,
        constraints=constraints,
        initial=initial_weights(space, asked.fixed, dataset),
        unmeasured=unmeasured(wanted, dataset.val),
        about=_about(options),
        flags=recorded(options),
        resumed=options.resume is not None,
        siblings=_siblings(options, searches, name),
        termination=Termination.of(options),
        metric=_metric(options, asked.path.stem, space, dataset),
    )


def _metric(options: SearchOptions, name: str, space: Space, dataset: Dataset) -> str:
    """The metric that judges the trials of a space; UsageError if its images do not define it."""
    metric = options.metric or space.metric
    try:
        scores.images_behind(metric, dataset.val)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error
    return metric


def _check_drawn(options: SearchOptions, dataset: Dataset, what: str) -> None:
    """Raise UsageError if ``--val-alignment`` is given for data without drawn digits."""
    drawn = dataset.has_digits and dataset.name != "folder"
    if options.val_alignment is not None and not drawn:
        raise UsageError(f"--val-alignment: no digits are drawn for {what}")


def _data(options: SearchOptions, space: Space, source: str, name: str) -> DataSpec:
    """The space's data from ``source``, with the validation digits that the options ask for.

    A resumed search that began when every image size was a square keeps reading its images so.
    """
    data, folder = space.data_on(source), out_folder(options) / name
    if options.resume is not None and folder.exists() and not data.size:
        began = read_search_file(folder).identity.get("data", {})
        if data.image_size is None and "image_size" in began:
            data = replace(data, image_size=began["image_size"])
    if options.val_alignment is None:
        return data
    try:
        return replace(data, val_alignment=options.val_alignment)
    except UsageError as error:
        raise UsageError(f"--val-alignment: {error}") from error


def _warm(options: SearchOptions, name: str) -> tuple[dict[str, Value], ...]:
    """Another search's best settings; a resumed search keeps those with which it began."""
    if options.warm_start is None:
        return ()
    out = out_folder(options)
    if options.resume is not None and (out / name).exists():
        written = read_search_file(out / name)
        if written.flags.get("warm_start") != options.warm_start:
            raise UsageError(
                f"--resume {options.resume}: the search did not begin with --warm-start "
                f"{options.warm_start}; omit that flag, or begin a new search"
            )
        return tuple(written.identity.get("settings", {}).get("warm", ()))
    return best_settings(out, options.warm_start)


def _methods(options: SearchOptions, name: str) -> dict[str, Any]:
    """The sampler and the scheduler with which a resumed search began.

    A search of a group that had not begun takes those of the others, as far as they are known.
    """
    if options.resume is None:
        return {}
    folders = (out_folder(options) / each for each in (name, options.resume))
    folder = next((each for each in folders if each.exists()), None)
    return {} if folder is None else read_search_file(folder).methods


def _as_begun(options: SearchOptions, name: str, budget: Budget, epochs: int) -> Budget:
    """The budget, with the grace that a resumed search began with if it was in proportion to the
    space's ``epochs``, as it once was.
    """
    folder = out_folder(options) / name
    if options.resume is None or not folder.exists():
        return budget
    began = read_search_file(folder).identity.get("budget", {}).get("grace_epochs")
    share = max(1, round(budget.grace_epochs * budget.epochs / epochs))
    return budget.model_copy(update={"grace_epochs": share}) if began == share else budget


def _origin(options: SearchOptions) -> tuple[tuple[str, ...], dict[str, Value] | None]:
    """The spaces to search, by default the one of ``--from-run``, and the setting of that run."""
    if options.from_run is None:
        return options.space, None
    task, space = spec_and_space(tracking_uri(options), options.from_run, "--from-run")
    names = options.space or (space,)
    if len(names) > 1 or names == (ALL,):
        raise UsageError("--from-run: a run belongs to one space; give one --space, or none")
    return names, task.values


def _about(options: SearchOptions) -> dict[str, str]:
    """Further entries for the records of a search."""
    origins = {"from_run": options.from_run, "warm_start": options.warm_start}
    return {key: value for key, value in origins.items() if value is not None}


def _siblings(options: SearchOptions, searches: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The other searches of the group if all run at once, as they do on a cluster."""
    return tuple(each for each in searches if options.address is not None and each != name)


def recorded(options: TrainingOptions) -> dict[str, Any]:
    """The flags as ``search.json`` keeps them for ``--resume``, without a password."""
    uri = options.tracking_uri
    flags = options.model_dump(exclude={"out", "resume", "list"})
    return {**flags, "tracking_uri": uri and masked(absolute(uri))}


def limits(options: TrainingOptions) -> Limits:
    """The limits that the options set to a search."""
    return Limits(**options.model_dump(include={each.name for each in fields(Limits)}))


def _spaces(
    names: Sequence[str], assigned: Sequence[str], source: str, setting: dict[str, Value] | None
) -> list[_SpaceRequest]:
    """The named spaces, each once, with the assigned values; narrowed to around ``setting``."""
    known = available()
    named = [name for each in names for name in (known if each == ALL else [each])]
    paths = {name: space_file(name) for name in named}
    if len({path.stem for path in paths.values()}) < len(paths):
        raise UsageError("--space: two space files have the same name; rename one")
    texts = assignments(assigned)
    read = {name: space_in(path).with_keys(texts) for name, path in paths.items()}
    spaces = {name: narrowed(each, setting) if setting else each for name, each in read.items()}
    for key, text in texts.items():
        if not any(space.has_key(key) for space in spaces.values()):
            next(iter(spaces.values())).check_value(key, text)  # its error names the keys
    return [
        _SpaceRequest(
            name if name in known else str(paths[name].resolve()),
            paths[name],
            space,
            space.fixed_on(source, {k: text for k, text in texts.items() if space.has_key(k)}),
        )
        for name, space in spaces.items()
    ]


def _names(options: SearchOptions, stems: list[str]) -> tuple[str, tuple[str, ...]]:
    """The name of the search, or of the group of several, and the names of all searches."""
    out, several = out_folder(options), len(stems) > 1
    name = new_name(options.name, "leaderboard" if several else stems[0])
    if several and len(name) + 1 + max(map(len, stems)) > 100:
        raise UsageError(f"--name {name}: too long for NAME-SPACE to stay within 100 characters")
    names = tuple(f"{name}-{stem}" for stem in stems) if several else (name,)
    for each in dict.fromkeys((name, *names)):
        if options.resume is None:
            check_free(each, out)
    return name, names


def _budget(options: SearchOptions, budgets: list[Budget]) -> Budget:
    """One budget for all, so that they can be compared: what flags ask for, else the largest."""
    largest = max(budgets, key=lambda budget: budget.trials * budget.epochs)
    finals = options.finalists, options.finalist_seeds
    return largest.asked(options.trials, options.epochs, *finals)


def _check_fits(space: Space, fixed: dict[str, Value], dataset: Dataset) -> None:
    """Build the baseline's network, so that images that it cannot process are refused at once."""
    known = architectures.parameters(space.architecture)
    own = {key: v for key, v in {**space.baseline, **fixed}.items() if key in known}
    check_fits(Setting.of(space.architecture, own, 1, 0), dataset)

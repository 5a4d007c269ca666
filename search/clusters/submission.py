"""Makes a submission from the flags of a search and the file of a cluster."""

from datetime import datetime
from pathlib import Path

from search.clusters.base import Submission
from search.clusters.config import Cluster
from search.request.flags import ALL, new_name
from search.request.methods import check_flags, space_in
from search.request.options import SearchOptions
from search.request.parser import search_options
from search.space.reader import available, space_file
from trainables.boundary.errors import UsageError
from trainables.boundary.secrets import masked


def submission(cluster: Cluster, flags: list[str]) -> Submission:
    """The submission for a search with ``flags`` to ``cluster``.

    Raises:
        UsageError: a flag or space is wrong, or a password would be shown on the cluster.
    """
    options = search_options(flags)
    _check(options)
    check_flags(options)
    places = {name: _place(name) for name in options.space}
    changes = {"space": tuple(places.values()), "address": "auto", **_by_cluster(options, cluster)}
    name = job = Path(options.resume).name if options.resume else _name(options)
    if options.resume is None:
        changes["name"] = name
    else:
        job = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    sent = options.model_copy(update=changes)
    _check_password(sent.tracking_uri)
    own = {at: space_file(space).resolve() for space, at in places.items() if at != space}
    return Submission(name, job, sent.words(), own, dict(cluster.environment))


def _name(options: SearchOptions) -> str:
    single = len(options.space) == 1
    return new_name(options.name, Path(options.space[0]).stem if single else "leaderboard")


def _check(options: SearchOptions) -> None:
    if options.list:
        raise UsageError("--list: run python -m search.run --list on this machine")
    if options.address is not None:
        raise UsageError(f"--address {options.address}: the cluster's file names the address")
    if options.resume is None and not options.space:
        raise UsageError("--space is missing; choose one of " + ", ".join(available()))


def _place(name: str) -> str:
    """The name of a space on the cluster; for the user's own, the path that it gets there."""
    if name == ALL or name in available():
        return name
    space_in(space_file(name))
    return f"spaces/{space_file(name).stem}.yaml"


def _by_cluster(options: SearchOptions, cluster: Cluster) -> dict[str, str | None]:
    """The values that the cluster's file gives for flags that the user omits."""
    # A resumed search has its own data and records.
    keys = ("out",) if options.resume else ("out", "data", "tracking_uri")
    defaults = {key: options.flags()[key].default for key in keys}
    return {k: getattr(cluster, k) for k, v in defaults.items() if getattr(options, k) == v}


def _check_password(uri: str | None) -> None:
    if uri and masked(uri) != uri:
        raise UsageError(
            "the tracking URI holds a password, which every user of the cluster could see; set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD on its nodes instead"
        )

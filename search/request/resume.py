"""``--resume NAME``: the options of a search that was interrupted."""

import shutil
from pathlib import Path
from typing import Any, TypeVar

from search.records.about import read_about
from search.records.ownership import check_recorded, moved
from search.records.search_file import SPACE_FILE, SearchFile, read_search_file
from search.request.flags import out_folder
from search.request.options import TrainingOptions
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path

_Options = TypeVar("_Options", bound=TrainingOptions)
_BUDGET = ("trials", "epochs", "finalists", "finalist_seeds")


def resumed(options: _Options) -> _Options:
    """The options with which search ``options.resume`` began; flags given now replace them.

    The search's identity, not its flags, later tells whether it is still the same search. The
    present place and name of its folder determine where it continues and under which name.

    Args:
        options: the options of the command line; returned unchanged if they resume nothing.

    Raises:
        UsageError: there is no such search, or another command began it.
    """
    if options.resume is None:
        return options
    folder = _folder(options, options.resume)
    written = read_search_file(folder)
    if written.command != options.command:
        raise UsageError(
            f"--resume {folder.name}: this search began with python -m {written.command}; resume "
            "it with that command"
        )
    flags = _named(written, folder)
    flags = {key: value for key, value in flags.items() if key in options.flags()}
    again = {key: getattr(options, key) for key in options.model_fields_set - {"name"}}
    if (uri := flags.get("tracking_uri")) and "tracking_uri" not in again:
        flags["tracking_uri"] = check_recorded(_moved(uri, written, folder))
    if isinstance(flags.get("space"), list):
        copies = folder, folder.with_name(f"{folder.name}-")
        flags["space"] = [_space(each, *copies) for each in flags["space"]]
    place = {"resume": folder.name, "out": str(folder.parent)}
    return options.of({**flags, **again, **place})


def _folder(options: TrainingOptions, asked: str) -> Path:
    """The folder of the search that ``asked`` names, by its name in ``--out`` or by its path.

    Raises:
        UsageError: ``--out`` or ``--name`` contradicts it.
    """
    parent, written = out_folder(options), Path(asked.rstrip("/") or "/")
    if str(written) != written.name:  # resolve links in the path, but not its last part
        plain = written.name not in ("", "..")
        written = user_path(str(written.parent if plain else written), "--resume")
        written = written / Path(asked).name if plain else written
        if "out" in options.model_fields_set and written.parent != parent:
            raise UsageError(
                f"--resume {asked}: its folder is not in --out {options.out}; omit --out"
            )
        parent = written.parent
    if options.name not in (None, written.name):
        raise UsageError(f"--resume {asked}: a search keeps its folder's name; omit --name")
    return parent / written.name


def _named(written: SearchFile, folder: Path) -> dict[str, Any]:
    """The flags of a search, with the present name of its folder as its name.

    A search of a group that was renamed or copied since is a search of its own.
    """
    flags, space = dict(written.flags), written.identity.get("space")
    name, spaces = flags.get("name"), flags.get("space")
    together = isinstance(spaces, list) and len(spaces) > 1 and bool(written.identity)
    if together and folder.name == f"{name}-{space}":
        return flags
    if isinstance(spaces, list) and together:
        budget = written.identity["budget"]
        flags |= {key: budget[key] for key in _BUDGET if key in budget}
        flags["space"] = [each for each in spaces if Path(each).stem == space]
    several = isinstance(spaces, list) and len(spaces) > 1 and not written.identity
    if several and folder.name != name and not any(folder.parent.glob(f"{folder.name}-*")):
        raise UsageError(
            f"--resume {folder.name}: its searches are named {name}-SPACE, not "
            f"{folder.name}-SPACE; rename or copy them too"
        )
    return {**flags, "name": folder.name}


def _moved(uri: str, written: SearchFile, folder: Path) -> str:
    """The URI of a search's store at its present place."""
    if written.folder:
        return moved(uri, Path(written.folder).parent, folder.parent)
    return read_about(folder).place.uri if (folder / "records.json").exists() else uri


def _space(asked: str, alone: Path, group: Path) -> str:
    """A space's name or file. If the file is gone, as with a job's own folder, the search's copy.

    Args:
        asked: the name or path with which the search began.
        alone: the folder of the search, if it is the only one.
        group: the beginning of its folder's name, if it belongs to a group.
    """
    path = Path(asked)
    copies = [alone / SPACE_FILE, group.with_name(f"{group.name}{path.stem}") / SPACE_FILE]
    own = next((copy for copy in copies if copy.is_file()), None)
    if path.suffix not in (".yaml", ".yml") or path.exists() or own is None:
        return asked
    named = own.parent / "space" / path.name  # a space has the name of its file
    named.parent.mkdir(exist_ok=True)
    shutil.copyfile(own, named)
    return str(named)

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
    """The options with which search ``options.resume`` began, under the flags that are given again.

    Whether it is the same search still is seen from its identity, not from its flags. Where its
    folder is now, and how that is called, decides where it goes on and under which name.

    Args:
        options: as the command line gives them; without a search to resume they are the result.

    Raises:
        UsageError: there is no such search, or another command began it.
    """
    if options.resume is None:
        return options
    folder = _folder(options, options.resume)
    written = read_search_file(folder)
    if written.command != options.command:
        raise UsageError(
            f"--resume {folder.name}: it was begun with python -m {written.command}; resume it "
            "with that"
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
    """The folder of the search that is ``asked`` for by its name in ``--out``, or by its path.

    Raises:
        UsageError: ``--out`` or ``--name`` says otherwise.
    """
    parent, written = out_folder(options), Path(asked.rstrip("/") or "/")
    if str(written) != written.name:  # links in the way to it are resolved, but not one at its end
        plain = written.name not in ("", "..")
        written = user_path(str(written.parent if plain else written), "--resume")
        written = written / Path(asked).name if plain else written
        if "out" in options.model_fields_set and written.parent != parent:
            raise UsageError(
                f"--resume {asked}: its folder is not in --out {options.out}; leave --out out"
            )
        parent = written.parent
    if options.name not in (None, written.name):
        raise UsageError(f"--resume {asked}: a search keeps its folder's name; leave --name out")
    return parent / written.name


def _named(written: SearchFile, folder: Path) -> dict[str, Any]:
    """The flags of a search that is called by its folder now.

    One of several that were searched together, and that was renamed or copied, is alone.
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
            f"--resume {folder.name}: its searches are called {name}-SPACE, and not "
            f"{folder.name}-SPACE; rename or copy them too"
        )
    return {**flags, "name": folder.name}


def _moved(uri: str, written: SearchFile, folder: Path) -> str:
    """A search's store, as it lies now."""
    if written.folder:
        return moved(uri, Path(written.folder).parent, folder.parent)
    return read_about(folder).place.uri if (folder / "records.json").exists() else uri


def _space(asked: str, alone: Path, group: Path) -> str:
    """A space, or its file; where that is gone, as a job's own folder is, the search's copy of it.

    Args:
        asked: the name or path with which the search began.
        alone: the folder of the search, if it is the only one.
        group: the beginning of its folder's name if it is one of several.
    """
    path = Path(asked)
    copies = [alone / SPACE_FILE, group.with_name(f"{group.name}{path.stem}") / SPACE_FILE]
    own = next((copy for copy in copies if copy.is_file()), None)
    if path.suffix not in (".yaml", ".yml") or path.exists() or own is None:
        return asked
    named = own.parent / "space" / path.name  # a space is called by its file's name
    named.parent.mkdir(exist_ok=True)
    shutil.copyfile(own, named)
    return str(named)

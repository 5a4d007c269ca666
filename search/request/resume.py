"""``--resume NAME``: the options of a search that was interrupted."""

import shutil
from pathlib import Path
from typing import TypeVar

from search.records.search_file import SPACE_FILE, read_search_file
from search.request.flags import out_folder
from search.request.options import TrainingOptions
from trainables.boundary.errors import UsageError

_Options = TypeVar("_Options", bound=TrainingOptions)


def resumed(options: _Options) -> _Options:
    """The options with which search ``options.resume`` began, under the flags that are given again.

    Whether it is the same search still is seen from its identity, not from its flags.

    Args:
        options: as the command line gives them; without a search to resume they are the result.

    Raises:
        UsageError: there is no such search, or another command began it.
    """
    name = options.resume
    if name is None:
        return options
    again = {key: getattr(options, key) for key in options.model_fields_set}
    if again.pop("name", name) != name or Path(name).name != name:
        raise UsageError(
            f"--resume {name}: write the search's name alone, its folder's parent as --out, and no "
            "--name"
        )
    written = read_search_file(out_folder(options) / name)
    if written.command != options.command:
        raise UsageError(
            f"--resume {name}: it was begun with python -m {written.command}; resume it with that"
        )
    flags = {key: value for key, value in written.flags.items() if key in options.flags()}
    if isinstance(flags.get("space"), list):
        copies = [out_folder(options) / each for each in (name, f"{name}-")]
        flags["space"] = [_space(each, *copies) for each in flags["space"]]
    return options.of({**flags, **again})


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

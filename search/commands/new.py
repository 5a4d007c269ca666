"""``search.new``: write the two files of a network of your own from a template."""

import argparse
import keyword
from pathlib import Path

from search import template
from search.request.flags import ALL
from search.space.naming import is_name
from search.space.reader import SPACES
from trainables import architectures
from trainables.boundary.arguments import Arguments
from trainables.boundary.errors import UsageError

TEMPLATE = Path(template.__path__[0])
_COMPOSITE = " #composite"  # ends the lines that only images with a shortcut use
_MAX_LENGTH = 40  # characters; a search's name adds the date and time


def run(argv: list[str]) -> int:
    """Run the command line ``argv``; 0 once both files are written. UsageError says why not."""
    arguments = command_line().parse_args(argv)
    files = new(arguments.name, arguments.data)
    print(*(f"wrote      {file}" for file in files), sep="\n")
    print(f"check it   python -m pytest tests -k {arguments.name}")
    print(f"search it  python -m search.run --space {arguments.name} --data embedded")
    return 0


def new(name: str, data: str) -> tuple[Path, Path]:
    """Write ``trainables/architectures/NAME.py`` and ``configs/spaces/NAME.yaml``; their paths.

    Args:
        name: name of the network and of its space.
        data: data set of the space, ``cifar10`` or ``composite``.

    Raises:
        UsageError: the name is not valid or is taken, or a file cannot be written; then neither is.
    """
    _check_name(name)
    code = Path(architectures.__path__[0]) / f"{name}.py"
    space = SPACES / f"{name}.yaml"
    for file in (code, space):
        if file.exists():
            raise UsageError(f"{file} already exists; choose another name, or edit that file")
    texts = {code: _template("architecture.py"), space: _space(data)}
    written: list[Path] = []
    try:
        for file, text in texts.items():
            with file.open("x", encoding="utf-8") as opened:
                written.append(file)
                opened.write(text.replace("TEMPLATE", name))
    except OSError as error:
        for file in written:
            file.unlink(missing_ok=True)
        raise UsageError(f"{error.filename or code.parent}: {error.strerror}") from error
    return code, space


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m search.new",
        description="Write the files of your own network and its space from a template.",
    )
    parser.add_argument("name", metavar="NAME", help="a Python identifier, such as mynet")
    parser.add_argument(
        "--data",
        choices=["cifar10", "composite"],
        default="cifar10",
        help="data set; composite also searches remedies for a shortcut (default: %(default)s)",
    )
    return parser


def _check_name(name: str) -> None:
    if not (name.isidentifier() and is_name(name)) or keyword.iskeyword(name) or name == ALL:
        raise UsageError(
            f"{name!r} cannot be the name of a module; use letters, digits and '_', a letter first"
        )
    if len(name) > _MAX_LENGTH:
        raise UsageError(f"{name!r} is longer than {_MAX_LENGTH} characters; choose a shorter name")


def _template(name: str) -> str:
    return (TEMPLATE / name).read_text(encoding="utf-8")


def _space(data: str) -> str:
    """The space file for data set ``data``, without the lines for the other kind of set."""
    lines = _template("space.yaml").replace("DATASET", data).splitlines()
    wanted = (line for line in lines if data == "composite" or not line.endswith(_COMPOSITE))
    return "".join(f"{line.removesuffix(_COMPOSITE)}\n" for line in wanted)

"""The line that says which files of a folder of images are not read."""

from rich.console import Console

from trainables.data import DataSpec, left_out


def print_left_out(data: DataSpec, source: str, console: Console) -> None:
    """Print it, if ``data`` from ``source`` leave out any."""
    if line := left_out(data, source):
        console.print(line, markup=False, soft_wrap=True)

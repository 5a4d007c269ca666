"""Prints notes on a folder of images before it is used."""

from rich.console import Console

from trainables.data import Dataset, DataSpec, left_out


def print_left_out(
    data: DataSpec, source: str, console: Console, dataset: Dataset | None = None
) -> None:
    """Print which files of ``source`` are left out of ``data``, and the dataset's remark."""
    for line in (left_out(data, source), dataset.remark if dataset else ""):
        if line:
            console.print(line, markup=False, soft_wrap=True)

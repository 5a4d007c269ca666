"""``python -m analysis.ablation FILE``: draw the result of an ablation."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from analysis.look import PLAIN
from trainables.best_epoch import in_words
from trainables.boundary.arguments import Arguments
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError
from trainables.boundary.paths import user_path
from trainables.boundary.wording import counted


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; return 0, or 2 if a file is wrong."""
    parser = Arguments(
        prog="python -m analysis.ablation",
        description="Draw the result of search.ablate.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", help="an ablation.json that search.ablate wrote")
    parser.add_argument("--out", metavar="PNG", help="file for the figure (default: beside it)")
    arguments = parser.parse_args(argv)
    source = user_path(arguments.file, "FILE")
    out = user_path(arguments.out or str(source.parent / f"{source.stem}.png"), "--out")
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {out}: the name of the figure must end in .png")
    try:
        _drawn(source).savefig(out, dpi=150)
    except OSError as error:
        raise UsageError(str(error)) from error
    print(out)
    return 0


def _drawn(path: Path) -> Figure:
    if not path.is_file():  # reading a device would never end
        raise UsageError(f"{path} is not a file; name an ablation.json")
    try:
        return draw(json.loads(path.read_text()))
    except Exception as error:  # a file with any content can make the drawing raise anything
        raise UsageError(
            f"{path} is not an ablation.json ({type(error).__name__}: {error})"
        ) from error


def draw(document: dict[str, Any]) -> Figure:
    """Draw a point for each seed, and the mean with its 95% interval, for every combination."""
    variants = document["variants"]
    figure = Figure(figsize=(7, 1.6 + 0.5 * len(variants)), layout="constrained")
    axes = figure.add_subplot()
    for row, variant in enumerate(variants):
        seeds = [100 * accuracy for accuracy in variant["accuracies"].values()]
        axes.plot(seeds, [row] * len(seeds), "o", color="0.65", markersize=5, zorder=2)
        if mean := variant["accuracy"]:
            centre, reach = 100 * mean["mean"], 100 * (mean["high"] - mean["mean"])
            axes.errorbar(centre, row, xerr=reach, fmt="D", color=PLAIN, capsize=4, zorder=3)
    labels = [" +\n".join(variant["on"]) or "none" for variant in variants]
    axes.set_yticks(range(len(variants)), labels)
    axes.set_ylim(len(variants) - 0.5, -0.5)
    figure_name, _, rest = document["metric"].partition(" ")
    axes.set_xlabel(f"validation {in_words(figure_name.removeprefix('val_'))} {rest}, %")
    axes.grid(axis="x", alpha=0.3)
    data = document["data"]
    axes.set_title(
        f"{document['space']}, {counted(document['epochs'], 'epoch')} of "
        f"{data['train']:,} {data['name']} images, {document['seeds']} seeds\n"
        "diamond: mean and 95% interval; grey: single seeds",
        fontsize=10,
        loc="left",
    )
    return figure


if __name__ == "__main__":
    sys.exit(main())

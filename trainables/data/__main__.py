"""``python -m trainables.data``: write a set as a folder of images, or show how one is read."""

import argparse
import sys
from pathlib import Path

from trainables.boundary.arguments import Arguments
from trainables.boundary.door import command
from trainables.boundary.errors import UsageError, printable, some
from trainables.boundary.paths import user_path
from trainables.boundary.wording import counted
from trainables.data import EMBEDDED, UNNAMED, DataSpec, load, resolve
from trainables.data.digit_reader import is_composite
from trainables.data.export import export
from trainables.data.folder import is_image_folder, list_folder


@command
def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv``; return the exit status."""
    arguments = command_line().parse_args(argv)
    if arguments.command == "export":
        _export(arguments)
    else:
        _show(arguments.data)
    return 0


def command_line() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Arguments(
        prog="python -m trainables.data",
        description="Write a data set as a folder of images, or show how one is read.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    does = "write a data set as folders train/CLASS, val/CLASS and test"
    flags = commands.add_parser("export", help=does, description=does)
    sets = ["composite", "cifar10", "embedded"]
    flags.add_argument("--set", required=True, choices=sets, help="data set to write")
    flags.add_argument(
        "--data",
        metavar="PATH",
        help=f"folder of CIFAR-10 and MNIST (default: {UNNAMED})",
    )
    flags.add_argument("--out", required=True, metavar="DIR", help="folder to make")
    flags.add_argument("--limit", type=int, metavar="N", help="images per split (default: all)")
    flags.add_argument(
        "--with-test-labels",
        action="store_true",
        help="also write the sealed labels of the test images into labels.csv",
    )
    does = "show how a folder of images is read and which files are left out; opens one image"
    flags = commands.add_parser("show", help=does, description=does)
    flags.add_argument("--data", required=True, metavar="PATH", help="folder of images")
    return parser


def _export(arguments: argparse.Namespace) -> None:
    name, limit, out = arguments.set, arguments.limit, user_path(arguments.out, "--out")
    if limit is not None and limit < 1:
        raise UsageError(f"--limit must be 1 or more, not {limit}")
    spec = DataSpec("cifar10") if name == "cifar10" else DataSpec("composite")
    source = EMBEDDED if name == "embedded" else resolve(arguments.data)
    if source != EMBEDDED and is_image_folder(Path(source)):
        raise UsageError(f"--data {source} holds a folder of images or other files, not CIFAR-10")
    dataset = load(spec, source).truncated(limit)
    export(dataset, out, arguments.with_test_labels)
    for split_name, split in dataset.splits.items():
        print(f"{split_name}: {counted(len(split), 'image')} of {dataset.image_words}")
    sealed = "" if arguments.with_test_labels else ", without the test images' labels"
    print(f"written to {out}{sealed}")


def _show(data: str) -> None:
    source = resolve(data)
    if source == EMBEDDED or not is_image_folder(Path(source)):
        raise UsageError(f"--data {source} is not a folder of images")
    listing = list_folder(Path(source))
    print(printable(f"{len(listing.classes)} classes: {some(listing.classes, 10)}"))
    for split, images in listing.splits.items():
        print(printable(f"{split}: {len(images)} images of {listing.folders[split]}/"))
    print(listing.left_out_line() or "nothing is left out")
    if not listing.has_digits and is_composite(listing.images()[0]):
        print("composite images without a file of digits: the digits are read from the pictures")


if __name__ == "__main__":
    sys.exit(main())

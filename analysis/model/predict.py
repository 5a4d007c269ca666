"""Predict the classes of images: ``python predict.py FILE ...``. It needs torch and Pillow only."""

import json
import sys
import warnings
from contextlib import suppress
from pathlib import Path

warnings.simplefilter("ignore")  # torch warns if NumPy is missing, Pillow of damaged metadata
import torch  # noqa: E402
from PIL import Image, ImageOps  # noqa: E402


def _pixels(path: Path, channels: int) -> torch.Tensor:
    if not path.is_file():  # opening a pipe would wait for ever
        raise ValueError("it is not a file")
    with Image.open(path, formats=("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")) as image:
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        if max(image.size) > 10_000 or frames > 1 or image.mode in ("I", "F", "LAB", "HSV"):
            raise ValueError(f"{image.size} pixels, {frames} frames, mode {image.mode}")
        image.load()
    with suppress(Exception):  # the metadata on the camera's orientation may be damaged
        ImageOps.exif_transpose(image, in_place=True)
    deep = image.mode.startswith("I;16")  # of the sixteen bits the upper eight are used
    seen = image.convert("I").point(lambda level: level * (1 / 256)).convert("L") if deep else image
    seen = seen.convert("RGB").convert("RGB" if channels == 3 else "L")
    values = torch.frombuffer(bytearray(seen.tobytes()), dtype=torch.uint8)
    return values.view(1, seen.height, seen.width, channels)


if __name__ == "__main__":
    card = json.loads(Path(__file__).with_name("labels.json").read_text(encoding="utf-8"))
    model, status = torch.export.load(Path(__file__).with_name("model.pt2")).module(), 0
    for path in map(Path, sys.argv[1:] or sys.exit("usage: python predict.py FILE ...")):
        try:
            probability, label = model(_pixels(path, card["input"]["channels"]))[0].max(dim=0)
            print(f"{path}: {card['classes'][label]} {100 * probability.item():.1f}%")
        except Exception as error:  # Pillow lets through whatever Python raises for damaged bytes
            status = print(f"{path}: not read ({error})", file=sys.stderr) or 3
    sys.exit(status)

"""The classes of images: ``python predict.py FILE ...``; needs torch and Pillow, and no Convoy."""

import json
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore", "Failed to initialize NumPy")
import torch  # noqa: E402 - after the filter of its warning
from PIL import Image, ImageOps  # noqa: E402

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")


def pixels(path: str) -> torch.Tensor:
    """The image in ``path``, upright, uint8, (1, H, W, 3)."""
    with Image.open(path, formats=FORMATS) as file:
        if max(file.size) > 10_000 or getattr(file, "n_frames", 1) > 1:
            raise ValueError("it has more than 10,000 pixels a side, or several frames")
        image = ImageOps.exif_transpose(file)
    if image.mode in ("I", "F", "LAB", "HSV"):
        raise ValueError(f"its mode {image.mode} has no known range; save it as RGB")
    if image.mode.startswith("I;16"):  # the upper eight of sixteen bits
        image = image.convert("I").point(lambda level: level * (1 / 256))
    content = bytearray(image.convert("RGB").tobytes())
    return torch.frombuffer(content, dtype=torch.uint8).view(1, image.height, image.width, 3)


if __name__ == "__main__":
    folder, status = Path(__file__).resolve().parent, 0
    classes = json.loads((folder / "labels.json").read_text(encoding="utf-8"))["classes"]
    model = torch.export.load(folder / "model.pt2").module()
    for path in sys.argv[1:] or sys.exit("usage: python predict.py FILE ..."):
        try:
            confidence, label = model(pixels(path))[0].max(dim=0)
            print(f"{path}: {classes[label]} {100 * confidence.item():.1f}%")
        except Exception as error:  # Pillow lets through whatever Python raises for damaged bytes
            print(f"{path}: not read ({' '.join(str(error).split())})", file=sys.stderr)
            status = 3
    sys.exit(status)

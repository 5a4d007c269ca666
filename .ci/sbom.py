"""Writes the images' bills of materials in CycloneDX: ``python .ci/sbom.py FOLDER``.

They are made from the same locks as the images.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {"convoy": ("search", "torch"), "convoy-tracking": ("tracking",)}  # by image


def main(folder: Path) -> None:
    """Write ``IMAGE.cdx.json`` for each image into ``folder``, valid by CycloneDX's schema."""
    folder.mkdir(parents=True, exist_ok=True)
    for image, names in LOCKS.items():
        text = "".join((ROOT / "locks" / f"{name}.txt").read_text() for name in names)
        command = [sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible"]
        command += ["--output-file", str(folder / f"{image}.cdx.json"), "-"]
        subprocess.run(command, input=text, text=True, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

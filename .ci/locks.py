"""Writes the images' dependencies with their hashes into ``locks/``: ``python .ci/locks.py``.

uv resolves the requirements of pyproject.toml to the versions in constraints.txt. Packages in which
torch's builds for CUDA and the CPU differ have a file of their own: another index may provide them.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "locks"
OF_TORCH = re.compile("(torch|torchvision|nvidia-.+|cuda-.+)==")
UNUSED = re.compile("triton==")  # deploy/slim.sh says why
COMPILE = (
    "uv pip compile --quiet --python-platform linux --python-version 3.11 --only-binary :all: "
    "--constraint constraints.txt --generate-hashes --no-annotate --no-header -"
)


def main() -> None:
    """Write the locks of both images."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, extras = asked["project"], asked["project"]["optional-dependencies"]
    build = asked["build-system"]["requires"]
    search = packages([*project["dependencies"], *extras["cluster"], *build])
    write("torch", [each for each in search if OF_TORCH.match(each)])
    write("search", [each for each in search if not OF_TORCH.match(each)])
    write("tracking", packages(extras["service"]))


def packages(wanted: list[str]) -> list[str]:
    """The ``wanted`` packages and their dependencies, with versions and hashes."""
    uv, *flags = COMPILE.split()
    command = [str(Path(sys.executable).with_name(uv)), *flags]
    done = subprocess.run(
        command, cwd=ROOT, input="\n".join(wanted), stdout=subprocess.PIPE, text=True, check=True
    )
    found = re.split(r"\n(?=\S)", done.stdout.strip())
    return [package for package in found if not UNUSED.match(package)]


def write(name: str, locked: list[str]) -> None:
    """Write a lock file, whose first line says how it is made."""
    text = "\n".join(["# make locks", *locked])
    (LOCKS / f"{name}.txt").write_text(f"{text}\n")


if __name__ == "__main__":
    main()

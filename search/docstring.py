"""What a docstring says of each attribute or argument: the text that people read, kept once."""

import inspect
import re

_ENTRY = re.compile(r"^    (\w+): (.*)$")


def described(documented: object, section: str = "Attributes") -> dict[str, str]:
    """Each name of a ``section`` of a docstring with what stands there, in one line.

    Args:
        documented: a class or function with a docstring in Google's style.
        section: the section's title, ``Attributes`` or ``Args``.
    """
    _, _, below = (inspect.getdoc(documented) or "").partition(f"\n{section}:\n")
    found: dict[str, str] = {}
    name = ""
    for line in below.split("\n\n")[0].splitlines():
        if entry := _ENTRY.match(line):
            name, found[entry[1]] = entry[1], entry[2]
        elif name:
            found[name] += f" {line.strip()}"
    return found

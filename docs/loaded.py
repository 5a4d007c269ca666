"""Check that built pages load nothing from elsewhere: ``python docs/loaded.py site``.

A reader chooses to follow a link. A script, style, font or picture is loaded without asking, and
shows another server who reads what.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

_LOADING_LINKS = {"stylesheet", "icon", "preload", "preconnect", "manifest", "modulepreload"}
_IN_STYLES = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")


class _Loads(HTMLParser):
    """The addresses that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        relations = set((given.get("rel") or "").split())
        names = ["src", "poster"] if tag != "link" else ["href"] * bool(relations & _LOADING_LINKS)
        self.found += [given.get(name) or "" for name in names]


def elsewhere(text: str, suffix: str) -> list[str]:
    """Addresses on other machines that a page (``.html``) or a style sheet (``.css``) loads."""
    found = _IN_STYLES.findall(text)
    if suffix == ".html":
        parser = _Loads()
        parser.feed(text)
        found += parser.found
    return [address for address in found if re.match(r"(?:https?:)?//", address)]


def main(site: Path) -> int:
    """Name all that the pages in ``site`` load from elsewhere; 1 if there is any, else 0."""
    files = [path for path in sorted(site.rglob("*")) if path.suffix in (".html", ".css")]
    wrong = [
        (path, address) for path in files for address in elsewhere(path.read_text(), path.suffix)
    ]
    for path, address in wrong:
        print(f"{path}: loads {address}", file=sys.stderr)
    print(f"{site}: {len(files)} pages and styles, {len(wrong)} load from elsewhere")
    return int(bool(wrong) or not files)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

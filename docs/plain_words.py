"""Phrases that a reader must decipher, and what to write instead: ``python docs/plain_words.py``.

The README, the pages and every string of the packages are searched: docstrings, help, messages.
A phrase stands here only if good English does without it; spelling is codespell's.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("analysis", "benchmarks", "convoy", "search", "studies", "trainables")
_END = r"(?=\s*(?:[.,;:)|]|\Z))"  # of a clause

# Regular expressions, in which a space is any white space, and what to write instead.
PHRASES = {
    r"\bwhat there (is|are)\b": "name the things",
    rf"\bthat there (is|are){_END}": "available, existing",
    rf"\b(that|which|what) (is|are) there{_END}": "existing, or name the things",
    rf"\bwhat (it|they) (is|are) there{_END}": "say what it is",
    r"\bof which (none|each)\b": "none of which; each of which",
    r": of everything\b": "give it a subject",
    rf"\bof none{_END}": "say which number or thing is none",
    r"\bwhat is (told|said) of\b": "name the things",
    r"\bwhat is to be (known|made|said|seen|told)\b": "name the things",
    r"\b(is|are) told of\b": "say who learns what",
    r"\bnothing is (called|told)\b": "say who does what",
    r"\btells (how|what|where|when|which|nothing)\b": "says, shows",
    r"\b[Ww]hat stands (?!out)": "name the things",
    r"\bof before\b": "earlier",
    r"(?:^|[.:;] )Of an? ": "begin with the subject",
    r"\b[Ww]hat (both|it|they|\w+) shows? is of\b": "say what causes it",
    r"\b([Aa]|[Oo]ne) (row|line|point|object|figure|file) an? "
    r"(trial|search|epoch|figure|class|node|run|image|setting)\b": "one row per trial",
}
_COMPILED = {
    re.compile(phrase.replace(" ", r"\s+"), re.M): instead for phrase, instead in PHRASES.items()
}


def offences(text: str) -> Iterator[tuple[int, str, str]]:
    """The phrases of ``text``: each one's line, counted from 1, its words, and what to write."""
    for phrase, instead in _COMPILED.items():
        for match in phrase.finditer(text):
            words = " ".join(match[0].strip(" .:;").split())
            yield text.count("\n", 0, match.end()) + 1, words, instead


def texts(root: Path) -> Iterator[tuple[Path, int, str]]:
    """What a reader reads: its file, the line before its first one, and its text."""
    pages = [root / "README.md", root / "benchmarks" / "README.md", *root.glob("docs/*.md")]
    for page in pages:
        yield page, 0, page.read_text()
    for package in PACKAGES:
        for source in (root / package).rglob("*.py"):
            for node in ast.walk(ast.parse(source.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield source, node.lineno - 1, node.value


def main(root: Path) -> int:
    """Print each phrase of the project in ``root`` with its place; 1 if there is any, else 0."""
    lines = sorted(
        f"{path.relative_to(root)}:{before + line}: {words!r}: {instead}"
        for path, before, text in texts(root)
        for line, words, instead in offences(text)
    )
    print(*lines, sep="\n", end="\n" if lines else "", file=sys.stderr)
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(ROOT))

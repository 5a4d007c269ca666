"""The names of the files that Convoy itself writes into a search's folder."""

import re
from pathlib import Path

_FILES = re.compile(
    r"(search|records|summary|ablation)\.json|space\.yaml|leaderboard\.csv|ablation\.png"
    r"|\.lock|\.lock-holder|\.stop"
    # Left by an interrupted write, and by Ray Tune.
    r"|\.[a-z]+\.(json|csv)-\w+|\.validate_storage_marker|experiment_state-.+\.json"
    r"|(searcher|search_gen|scheduler)[-_]state.*|(tuner|trainable)\.pkl"
)
_RUN = "-[0-9a-f]{8}"
_FOLDERS = re.compile(
    rf"trial-\d{{4,}}-\w+|best|space|analysis({_RUN})?(-(train|val|test))?"
    rf"|comparison({_RUN}){{2}}|replay{_RUN}"
)


def own_entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """The entries of a search's folder that Convoy has made, and the others.

    A link counts as another's, whatever its name. Everything in a folder of Convoy's is Convoy's.
    """
    own: list[Path] = []
    others: list[Path] = []
    for path in sorted(folder.iterdir()):
        names = _FOLDERS if path.is_dir() else _FILES
        made = not path.is_symlink() and names.fullmatch(path.name)
        (own if made else others).append(path)
    return own, others

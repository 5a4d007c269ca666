"""What Convoy itself writes into a search's folder, by name."""

from fnmatch import fnmatchcase
from pathlib import Path

_FILES = (
    "search.json",
    "space.yaml",
    "records.json",
    "summary.json",
    "leaderboard.csv",
    "ablation.json",
    "ablation.png",
    ".lock",
    ".lock-holder",
    ".stop",
    # Ray Tune's, and what an interrupted write leaves.
    ".validate_storage_marker",
    "experiment_state-*.json",
    "search_gen_state-*.json",
    "searcher-state-*.pkl",
    "tuner.pkl",
    "trainable.pkl",
    "?*.json-*",
)
_FOLDERS = (
    "trial-[0-9]*-*",
    "best",
    "space",
    "analysis",
    "analysis-*",
    "comparison-*",
    "replay-*",
)


def own_entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """The entries of a search's folder that Convoy has made, and the others.

    A link is another's, whatever its name. What lies within a folder of Convoy's goes with that.
    """
    own: list[Path] = []
    others: list[Path] = []
    for path in sorted(folder.iterdir()):
        names = _FOLDERS if path.is_dir() else _FILES
        made = not path.is_symlink() and any(fnmatchcase(path.name, name) for name in names)
        (own if made else others).append(path)
    return own, others

"""Names of MLflow's experiments."""

from trainables.data import EMBEDDED

LEADERBOARDS = "convoy/leaderboard"


def experiment_name(space: str, source: str) -> str:
    """``convoy/SPACE``, with ``-embedded`` behind it for the embedded data."""
    return f"convoy/{space}{'-embedded' if source == EMBEDDED else ''}"

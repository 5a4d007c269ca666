"""The trials that no scheduler stops early."""

from typing import Any


def is_exempt(config: dict[str, Any]) -> bool:
    """True for the configuration of the baseline or of one of the space's guesses.

    A search reports by how much it beats its baseline, and half a training of the baseline would
    flatter it. A guess deserves a whole training because somebody has reasons for it, and such
    settings often learn late, with a long warm-up or strong augmentation. On a simulated gap5 the
    guesses win, but their first rung stops them if it may.
    """
    return config["number"] == 0 or bool(config.get("guessed"))

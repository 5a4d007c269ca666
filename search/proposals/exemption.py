"""Which trials no scheduler stops early."""

from typing import Any


def is_exempt(config: dict[str, Any]) -> bool:
    """True for the baseline and for the guesses of a space, by a trial's configuration.

    A search says by how much it beats its baseline, and half a training would flatter it. A guess
    is worth a whole training as somebody has reason to believe in it, and such settings are often
    those that learn late: a long warm-up, strong augmentation. On a simulated gap5 the guesses win,
    and are stopped by their first rung if they can be.
    """
    return config["number"] == 0 or bool(config.get("guessed"))

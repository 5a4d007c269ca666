"""Mask passwords in everything that is printed, logged or recorded."""

import os
import re

MASK = "***"
# The text between "://user:" and the last "@" before a slash or, if the password holds a slash, the
# next "@". It may mask too much, but never too little. A path keeps one slash of two.
_IN_ADDRESS = re.compile(r"(:/+[^/\s:@]*:)(?:[^\s/]*|[^\s@]*)@")
_IN_QUERY = re.compile(r"([?&](?:password|passwd|pwd|token)=)[^&\s'\"]*", re.IGNORECASE)
_VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


def masked(text: str) -> str:
    """``text`` with the passwords of URIs, and of MLflow's environment variables, masked."""
    text = _IN_ADDRESS.sub(rf"\1{MASK}@", text)
    text = _IN_QUERY.sub(rf"\1{MASK}", text)
    for secret in filter(None, map(os.environ.get, _VARIABLES)):
        text = text.replace(secret, MASK)
    return text

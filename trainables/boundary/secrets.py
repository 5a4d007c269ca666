"""Passwords, kept out of whatever is printed, logged or recorded."""

import os
import re

MASK = "***"
# What stands between "://user:" and the last "@" before a slash; or, where the password holds a
# slash, the next "@". More may be taken than is secret, never less. A path keeps one slash of two.
_IN_ADDRESS = re.compile(r"(:/+[^/\s:@]*:)(?:[^\s/]*|[^\s@]*)@")
_IN_QUERY = re.compile(r"([?&](?:password|passwd|pwd|token)=)[^&\s'\"]*", re.IGNORECASE)
_VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


def masked(text: str) -> str:
    """``text`` without the passwords of the URIs in it, nor those that MLflow's variables hold."""
    text = _IN_ADDRESS.sub(rf"\1{MASK}@", text)
    text = _IN_QUERY.sub(rf"\1{MASK}", text)
    for secret in filter(None, map(os.environ.get, _VARIABLES)):
        text = text.replace(secret, MASK)
    return text

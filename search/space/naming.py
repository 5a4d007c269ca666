"""The names that searches and spaces may have, as these become folders, records and queries."""

import re

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def is_name(text: str) -> bool:
    """True for at most 100 letters, digits, ``.``, ``_`` and ``-`` that do not leave a folder."""
    return bool(_NAME.fullmatch(text)) and ".." not in text

"""What searches and spaces may be called: their names become folders, records and queries."""

import re

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def is_name(text: str) -> bool:
    """True for letters, digits, ``.``, ``_`` and ``-``, at most 100, that leave no folder."""
    return bool(_NAME.fullmatch(text)) and ".." not in text

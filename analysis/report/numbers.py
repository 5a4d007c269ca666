"""Format the numbers behind a figure for readers."""

import json
import textwrap
from typing import Any

WIDTH = 84
LINES = 60


def excerpt(numbers: dict[str, Any]) -> tuple[str, bool]:
    """The numbers as indented JSON to six digits, and whether lines beyond ``LINES`` are cut."""
    lines = _pretty(_rounded(numbers), 0).splitlines()
    return "\n".join(lines[:LINES]), len(lines) > LINES


def _pretty(value: Any, indent: int) -> str:
    """Like ``json.dumps(indent=2)``, but a value that fits on a line stays on it."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= WIDTH or not isinstance(value, dict | list):
        return flat
    inner, close = " " * (indent + 2), " " * indent
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(key, ensure_ascii=False)}: {_pretty(v, indent + 2)}"
            for key, v in value.items()
        ]
        return "{\n" + ",\n".join(inner + part for part in parts) + f"\n{close}}}"
    if not any(isinstance(item, dict | list | str) for item in value):
        body = textwrap.fill(flat[1:-1], WIDTH, initial_indent=inner, subsequent_indent=inner)
        return f"[\n{body}\n{close}]"
    parts = [_pretty(item, indent + 2) for item in value]
    return "[\n" + ",\n".join(inner + part for part in parts) + f"\n{close}]"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value

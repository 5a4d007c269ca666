"""Check the arguments of calls from a notebook or a program, as flags are checked."""

import re
import reprlib
from collections.abc import Mapping
from functools import cache
from inspect import Signature, formatannotation
from typing import Any

from pydantic import TypeAdapter, ValidationError

from trainables.boundary.errors import UsageError
from trainables.boundary.validation import STRICT


def check_types(signature: Signature, arguments: Mapping[str, Any]) -> None:
    """Raise UsageError for the first of ``arguments`` that does not have its parameter's type."""
    for name, parameter in signature.parameters.items():
        try:
            _adapter(parameter.annotation).validate_python(arguments[name])
        except ValidationError as error:
            kind = re.sub(r"[\w.]+\.(?=\w)", "", formatannotation(parameter.annotation))
            shown = reprlib.repr(arguments[name])
            raise UsageError(f"{name} must be of type {kind}, not {shown}") from error


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind, config=STRICT)

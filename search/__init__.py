"""The service: a space becomes trials, trials become records."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.api import SearchResult, run_search

__all__ = ["SearchResult", "run_search"]


def __getattr__(name: str) -> Any:
    """Import a name when a notebook first uses it, as torch and Ray take seconds to import."""
    if name not in __all__:
        raise AttributeError(f"module 'search' has no attribute {name!r}")
    from search import api

    return getattr(api, name)

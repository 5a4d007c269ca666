"""From a recorded run to its certificate, predictions and figures."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.notebook import Analysis, analyse

__all__ = ["Analysis", "analyse"]


def __getattr__(name: str) -> Any:
    """Import a name when a notebook first uses it, as torch and MLflow take seconds to import."""
    if name not in __all__:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    from analysis import notebook

    return getattr(notebook, name)

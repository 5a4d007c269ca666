"""Reports from a worker that its trial has failed."""

import math
import socket
from pathlib import Path

from ray import tune

from search.records.search_file import FILE
from search.trials.failure import FAILED, HALT, TRACE, obstacle, one_line, remedy_of
from trainables.best_epoch import ACCURACY, figure_of


class NotShared(Exception):
    """A node does not see the folder of the search whose trial it should train."""


def check_shared() -> None:
    """Raise NotShared unless this process sees the folder of its trial's search.

    A node that joined after the start of the search was not inspected before.
    """
    folder = _search()
    if not (folder / FILE).is_file():
        raise NotShared(f"{socket.gethostname()} does not see {folder}")


def report_failure(error: BaseException, trace: str, metric: str) -> None:
    """Tell Tune that the trial has failed with ``error``, whose traceback is ``trace``.

    Tune accepts no report without the metrics that its searcher and its scheduler use.
    """
    figures = {figure_of(name): math.nan for name in (ACCURACY, metric)}
    error = _cause(error)
    reasons = {FAILED: describe(error), HALT: _remedy(error), TRACE: trace}
    tune.report({"epoch": 0, **figures, **reasons})


def describe(error: BaseException) -> str:
    """An error in one line, without the module of its class."""
    return one_line(f"{type(error).__name__}: {error}")


def _cause(error: BaseException) -> BaseException:
    """The cause of a trial's failure: that the search's folder is gone, or else ``error``."""
    try:
        check_shared()
    except (NotShared, OSError) as cause:
        return cause
    return error


def _remedy(error: BaseException) -> str:
    """What the user must do after ``error`` before the search can resume; empty if nothing."""
    if isinstance(error, NotShared):
        return "share it with that node, or remove the node"
    remedy = remedy_of(error) if isinstance(error, OSError) else ""
    remedy = remedy or obstacle(_search())[1]
    return remedy and f"{remedy} on {socket.gethostname()}"


def _search() -> Path:
    """The folder of the search."""
    return Path(tune.get_context().get_storage().experiment_fs_path)

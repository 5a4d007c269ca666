"""How a worker reports that its trial failed."""

import math
import socket
from pathlib import Path

from ray import tune

from search.records.search_file import FILE
from search.trials.failure import FAILED, HALT, TRACE, obstacle, one_line, remedy_of
from trainables.best_epoch import ACCURACY, figure_of


class NotShared(Exception):
    """A node does not see the folder of the search that it is to train for."""


def check_shared() -> None:
    """Raise NotShared unless this process sees the folder of its trial's search.

    A node that joined after the search began was not inspected then.
    """
    folder = _search()
    if not (folder / FILE).is_file():
        raise NotShared(f"{socket.gethostname()} does not see {folder}")


def report_failure(error: BaseException, trace: str, metric: str) -> None:
    """Tell Tune that the trial has failed with ``error``, whose traceback is ``trace``.

    Tune takes no report without the figures by which its searcher and its scheduler judge.
    """
    figures = {figure_of(name): math.nan for name in (ACCURACY, metric)}
    error = _cause(error)
    reasons = {FAILED: describe(error), HALT: _remedy(error), TRACE: trace}
    tune.report({"epoch": 0, **figures, **reasons})


def describe(error: BaseException) -> str:
    """An error in a line, without the module of its class."""
    return one_line(f"{type(error).__name__}: {error}")


def _cause(error: BaseException) -> BaseException:
    """What failed a trial: where the folder of its search is not seen any more, that."""
    try:
        check_shared()
    except (NotShared, OSError) as cause:
        return cause
    return error


def _remedy(error: BaseException) -> str:
    """What must be done after ``error`` before a search can resume; empty if nothing."""
    if isinstance(error, NotShared):
        return "share it with that node, or take the node away"
    remedy = remedy_of(error) if isinstance(error, OSError) else ""
    remedy = remedy or obstacle(_search())[1]
    return remedy and f"{remedy} on {socket.gethostname()}"


def _search() -> Path:
    """The folder of the search."""
    return Path(tune.get_context().get_storage().experiment_fs_path)

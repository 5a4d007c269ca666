"""The best settings of an earlier search, which ``--warm-start`` tries first."""

from pathlib import Path

from search.records.about import read_about
from search.records.summary import summary_in
from search.selection.choice import SAVED_TRIALS, best_first
from search.space.naming import is_name
from search.trials.files import read_histories
from trainables.boundary.errors import UsageError
from trainables.recipe import Value


def best_settings(out: Path, name: str) -> tuple[dict[str, Value], ...]:
    """The settings of an earlier search's finalists, the winner's first.

    Without finalists, the settings of its best three trials, ordered by its own constraints.

    Args:
        out: folder of all searches.
        name: name of the earlier search.

    Raises:
        UsageError: there is no such search in ``out``, or none of its trials has ended.
    """
    folder = out / name
    summary = summary_in(folder) if is_name(name) else None
    if summary is None:
        raise UsageError(
            f"--warm-start {name}: {out} holds no search of this name; give the folder that holds "
            "it as --out"
        )
    settings = [each["params"] for each in summary.finalists]
    if not settings:
        records = [history.record for history in read_histories(folder)]
        trials = [record for record in records if record.spec.repeats is None]
        best = best_first(trials, read_about(folder).rule)
        settings = [record.values for record in best[:SAVED_TRIALS]]
    if not settings:
        raise UsageError(f"--warm-start {name}: none of its trials has ended without a failure")
    return tuple(settings)

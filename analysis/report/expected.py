"""The accuracy to expect from a winner's setting: the mean over its fresh seeds."""

from analysis.subject import Subject
from trainables.best_epoch import ACCURACY, figure_of


def expected(subject: Subject, metric: str = ACCURACY) -> str:
    """Mean, deviation and interval of ``metric`` over the fresh seeds of the winner's setting.

    It is empty for a run that did not win, or whose setting was not trained again.
    """
    parent = None
    if subject.run.is_winner and subject.records is not None:
        parent = subject.records.parent_of(subject.run.run_id)
    figures = {} if parent is None else parent.data.metrics
    name = f"winner_{figure_of(metric)}"
    if not {f"{name}_mean", "winner_seeds"} <= set(figures):
        return ""
    mean, std, low, high = (
        100 * figures.get(f"{name}_{part}", 0.0) for part in ("mean", "std", "low", "high")
    )
    seeds = int(figures["winner_seeds"])
    if seeds < 2:
        return f"{mean:.2f}%, from one fresh seed"
    interval = f"95% interval of the mean {low:.2f} to {high:.2f}"
    return f"{mean:.2f} ± {std:.2f}% over {seeds} fresh seeds ({interval})"

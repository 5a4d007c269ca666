"""Parallel coordinates: the settings of every trial, coloured by accuracy."""

from matplotlib.figure import Figure
from optuna.visualization.matplotlib import plot_parallel_coordinate

from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.optuna_axes import clean_pyplot
from analysis.study import after, common_epoch, study_of
from analysis.subject import Subject

GROUP = "search"
WIDEST = 24  # inches


def draw(subject: Subject) -> Drawing:
    """Optuna's plot, over the settings that all trials have."""
    search = subject.search
    epoch = common_epoch(search)
    study = study_of(search, after(epoch))
    sets = [set(trial.params) for trial in study.trials]
    shared = sorted(set.intersection(*sets)) if sets else []
    if len(sets) < 2 or not shared:
        raise NotApplicableError("no two trials differ in a setting that both have")
    with clean_pyplot((min(3 + 1.3 * len(shared), WIDEST), 4.8)):
        axes = plot_parallel_coordinate(study, params=shared, target_name="accuracy")
        axes.set_title(f"search {search.name}: accuracy after {epoch} epochs")
        axes.tick_params(axis="x", rotation=30)
    trials = [{"accuracy": trial.value, **trial.params} for trial in study.trials]
    caption = Caption(
        f"The settings of {len(trials)} trials, a line each, coloured by their best accuracy of "
        f"the first {epoch} epochs, which all had.",
        "optuna.visualization, over the settings that every trial has and that differ.",
        "Lines lie over each other; settings that only some trials have are missing.",
    )
    assert isinstance(axes.figure, Figure)
    return Drawing(axes.figure, {"epoch": epoch, "trials": trials}, caption)

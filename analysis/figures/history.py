"""Best accuracy of every trial in the order of the search, with the baseline's line."""

from matplotlib.figure import Figure
from optuna.visualization.matplotlib import plot_optimization_history

from analysis.figures import Caption, Drawing
from analysis.optuna_axes import clean_pyplot
from analysis.study import study_of
from analysis.subject import Subject
from trainables.boundary.wording import counted

GROUP = "search"


def draw(subject: Subject) -> Drawing:
    """Optuna's plot of the history, of each trial's best epoch."""
    search = subject.search
    study = study_of(search, lambda trial: trial.record.best_accuracy if trial.accuracies else None)
    baseline = next(
        (
            t.record.best_accuracy
            for t in search.trials
            if t.record.spec.is_baseline and t.accuracies
        ),
        None,
    )
    with clean_pyplot((8, 4)):
        axes = plot_optimization_history(study, target_name="best validation accuracy")
        if baseline is not None:
            axes.axhline(baseline, color="k", ls="--", label=f"baseline {100 * baseline:.2f}%")
        axes.legend(fontsize=8)
        axes.set_title(f"search {search.name}")
    best = [[t.record.number, t.record.best_accuracy] for t in search.trials if t.accuracies]
    caption = Caption(
        f"The best validation accuracy of each of {counted(len(best), 'trial')}, in the order in "
        "which they were suggested, the best so far, and the baseline's.",
        "optuna.visualization, over the recorded trials.",
        "Stopped trials had fewer epochs, so their points are lower than they might have become. "
        "The best of many trials is a little lucky.",
    )
    assert isinstance(axes.figure, Figure)
    return Drawing(axes.figure, {"baseline": baseline, "best_of_each_trial": best}, caption)

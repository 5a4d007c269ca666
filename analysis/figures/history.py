"""Best score of every trial in the order of the search, compared with the baseline."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.class_names import shortened
from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.look import BASELINE, FINALIST, MARK, STOPPED, THIS_RUN, TRIAL
from analysis.subject import Subject
from analysis.trials import RecordedSearch, RecordedTrial
from search.trials.record import Status
from trainables.boundary.wording import counted

GROUP = "search"


def draw(subject: Subject) -> Drawing:
    """Draw a mark for each trial, and the best score so far as steps."""
    search = subject.search
    trials = [trial for trial in search.trials if trial.scores]
    if not trials:
        raise NotApplicableError("no trial ended an epoch")
    baselines = [t.record.best_score for t in trials if t.record.spec.is_baseline]
    baseline = baselines[0] if baselines else None
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    best = _draw_best(axes, trials)
    _draw_trials(axes, search, trials, search.setting_of(subject.run.run_id))
    if baseline is not None:
        line = axes.axhline(baseline, color=BASELINE, linestyle="--", linewidth=1)
        line.set_label(f"baseline {100 * baseline:.2f}%")
    axes.set(
        title=f"search {shortened(search.name, 40)}",
        xlabel="trial",
        ylabel=f"best validation {subject.judged_by}",
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid()
    figure.legend(loc="outside lower center", ncols=3)
    numbers = {
        "baseline": baseline,
        "best_of_each_trial": [[t.record.number, t.record.best_score] for t in trials],
        "best_so_far": best,
        "stopped": [t.record.number for t in trials if t.record.status is Status.PRUNED],
    }
    return Drawing(figure, numbers, _caption(len(trials), subject.judged_by))


def _draw_best(axes: Axes, trials: list[RecordedTrial]) -> list[float]:
    """Draw the best score after each trial, and return it."""
    best: list[float] = []
    for trial in trials:
        best.append(max([trial.record.best_score, *best[-1:]]))
    numbers = [trial.record.number for trial in trials]
    axes.step(numbers, best, where="post", color=MARK, linewidth=1.2, label="best so far")
    return best


def _draw_trials(
    axes: Axes, search: RecordedSearch, trials: list[RecordedTrial], own: int | None
) -> None:
    looks = {
        "stopped early": ("x", STOPPED),
        "trained to the end": ("o", TRIAL),
        "finalist": ("D", FINALIST),
        "this run's setting": ("D", THIS_RUN),
    }
    for kind, (marker, colour) in looks.items():
        members = [trial for trial in trials if _kind(trial, search, own) == kind]
        points = [(trial.record.number, trial.record.best_score) for trial in members]
        if points:
            axes.plot(*zip(*points, strict=True), marker, color=colour, markersize=6, label=kind)


def _kind(trial: RecordedTrial, search: RecordedSearch, own: int | None) -> str:
    if trial.record.number == own:
        return "this run's setting"
    if trial.record.number in search.finalists:
        return "finalist"
    return "stopped early" if trial.record.status is Status.PRUNED else "trained to the end"


def _caption(trials: int, judged_by: str) -> Caption:
    return Caption(
        f"The best validation {judged_by} of each of {counted(trials, 'trial')}, in the order in "
        "which they were suggested. Dots were trained to the end, crosses were stopped early, and "
        "diamonds became finalists. The line is the best so far; the dashed line is the baseline.",
        "Each mark is the recorded value of the trial's best epoch.",
        "Stopped trials had fewer epochs, so full training might have raised their marks. The best "
        "of many trials is slightly optimistic.",
    )

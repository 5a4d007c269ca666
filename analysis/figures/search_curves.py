"""Validation accuracy by epoch of every trial, with ASHA's rungs and stops."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures import Caption, Drawing
from analysis.subject import Subject
from search.trials.record import Status

GROUP = "search"


def draw(subject: Subject) -> Drawing:
    """A line a trial: the baseline dashed, this run thick, a cross where ASHA stopped one."""
    search = subject.search
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for rung in search.rungs:
        axes.axvline(rung, color="0.8", linestyle=":", zorder=0)
    for trial in search.trials:
        if not trial.accuracies:
            continue
        epochs, accuracies = zip(*trial.accuracies, strict=True)
        mine = trial.run_id == subject.run.run_id
        style = "--" if trial.record.spec.is_baseline else "-"
        colour = "C3" if mine else "k" if trial.record.spec.is_baseline else "C0"
        label = _label(mine, trial.record.spec.is_baseline)
        width, alpha = (2.2, 1.0) if mine or trial.record.spec.is_baseline else (1.0, 0.5)
        marker = "o" if len(epochs) == 1 else ""  # a line of one point is not to be seen
        (line,) = axes.plot(epochs, accuracies, style, color=colour, label=label)
        line.set(linewidth=width, alpha=alpha, marker=marker)
        if trial.record.status is Status.PRUNED:
            axes.plot(epochs[-1], accuracies[-1], "x", color=colour, markersize=6)
    axes.plot([], [], "x", color="C0", label="stopped by ASHA")
    axes.set(xlabel="epoch", ylabel="validation accuracy")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.2)
    axes.legend(fontsize=8)
    trials = {
        t.record.label: {"status": t.record.status, "val_accuracy": t.accuracies}
        for t in search.trials
    }
    return Drawing(figure, {"rungs": search.rungs, "trials": trials}, _caption(subject))


def _label(mine: bool, baseline: bool) -> str | None:
    if mine:
        return "this run, the baseline" if baseline else "this run"
    return "baseline" if baseline else None


def _caption(subject: Subject) -> Caption:
    search = subject.search
    count = {s: sum(t.record.status == s for t in search.trials) for s in ("completed", "pruned")}
    rungs = ", ".join(map(str, search.rungs)) or "none"
    return Caption(
        f"Validation accuracy of the {len(search.trials)} trials of search {search.name}: "
        f"{count['completed']} completed, {count['pruned']} were stopped (crosses). Dotted: ASHA's "
        f"rungs, after epochs {rungs}.",
        "As recorded after every epoch, on the whole validation split.",
        "Trials whose rate anneals and the others are compared on ladders of their own, so a "
        "stopped trial may lie above one that went on. Each is one seed.",
    )

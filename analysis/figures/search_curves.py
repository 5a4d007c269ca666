"""Score by epoch of every trial, with the scheduler's rungs and stops."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures import Caption, Drawing
from analysis.look import BASELINE, FINALIST, STOPPED, THIS_RUN, TRIAL
from analysis.subject import Subject
from analysis.trials import RecordedSearch, RecordedTrial
from search.trials.record import Status
from trainables.boundary.wording import counted

GROUP = "search"
_LOOKS: dict[str, dict[str, Any]] = {
    "stopped early": {"color": STOPPED, "linewidth": 1},
    "trial": {"color": TRIAL, "linewidth": 1},
    "finalist": {"color": FINALIST, "linewidth": 1.6},
    "finalist, trained again": {"color": FINALIST, "linewidth": 1, "linestyle": ":"},
    "baseline": {"color": BASELINE, "linewidth": 1.8, "linestyle": "--"},
    "this run": {"color": THIS_RUN, "linewidth": 2.4},
}


def draw(subject: Subject) -> Drawing:
    """Draw a line for each trial, coloured by its outcome; the important ones are on top."""
    search = subject.search
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.subplots()
    for rung in search.rungs:
        axes.axvline(rung, color="0.8", linestyle=":", zorder=0)
    kinds: dict[str, list[RecordedTrial]] = {kind: [] for kind in _LOOKS}
    for trial in (*search.trials, *search.repeats):
        if trial.scores:
            kinds[_kind(trial, search, subject.run.run_id)].append(trial)
    names = {"this run": "winner" if subject.run.is_winner else "this run"}
    for kind, members in kinds.items():
        _draw_kind(axes, _LOOKS[kind], members, names.get(kind, kind))
    axes.set(xlabel="epoch", ylabel=f"validation {subject.judged_by}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid()
    figure.legend(loc="outside lower center", ncols=3)
    numbers = {
        "rungs": search.rungs,
        "trials": _numbers(search.trials),
        "finals": _numbers(search.repeats),
    }
    return Drawing(figure, numbers, _caption(subject))


def _kind(trial: RecordedTrial, search: RecordedSearch, own: str) -> str:
    """The outcome of a trial, one of ``_LOOKS``."""
    if trial.run_id == own:
        return "this run"
    if trial.record.spec.repeats is not None:
        return "finalist, trained again"
    if trial.record.spec.is_baseline:
        return "baseline"
    if trial.record.number in search.finalists:
        return "finalist"
    return "stopped early" if trial.record.status is Status.PRUNED else "trial"


def _draw_kind(axes: Axes, look: dict[str, Any], trials: list[RecordedTrial], name: str) -> None:
    """Draw the lines of a kind, one of them in the legend; a cross ends a stopped trial's line."""
    for number, trial in enumerate(trials):
        epochs, scores = zip(*trial.scores, strict=True)
        stopped = trial.record.status is Status.PRUNED
        axes.plot(
            epochs,
            scores,
            label=None if number else name,
            marker="x" if stopped else "o" if len(epochs) == 1 else "",
            markevery=[-1],
            markersize=6,
            **look,
        )


def _numbers(trials: tuple[RecordedTrial, ...]) -> dict[str, Any]:
    return {
        t.record.label: {"status": t.record.status, t.record.spec.job.figure: t.scores}
        for t in trials
    }


def _caption(subject: Subject) -> Caption:
    search = subject.search
    count = {s: sum(t.record.status == s for t in search.trials) for s in ("completed", "pruned")}
    rungs = ", ".join(map(str, search.rungs)) or "none"
    finals = (
        f" The settings of {len(search.finalists)} finalists were trained again, "
        f"{len(search.repeats)} times in all (dotted)."
        if search.repeats
        else ""
    )
    return Caption(
        f"Validation {subject.judged_by} of the {counted(len(search.trials), 'trial')} of search "
        f"{search.name}: {count['completed']} completed, {count['pruned']} were stopped early "
        f"(crosses).{finals} The thick line is the run of this report. Vertical dotted lines are "
        f"the scheduler's rungs, by epoch: {rungs}.",
        "The values were recorded after every epoch, on the whole validation split.",
        "The baseline and the space's guesses are never stopped, so a stopped trial may lie above "
        "one that continued. Each trial has one seed.",
    )

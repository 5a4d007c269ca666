"""The accuracy that choosing on a validation split biased like the training images would cost."""

from dataclasses import asdict
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.regret import Candidate, Regret, aligned_share, regret_of
from analysis.subject import Subject
from trainables.best_epoch import ACCURACY
from trainables.data import Dataset
from trainables.data.composite import CHANCE

GROUP = "audit"
_HONEST: dict[str, Any] = {"color": "tab:blue", "label": "chosen on the unbiased split"}
_MISLED: dict[str, Any] = {"color": "tab:orange", "label": "chosen on a biased split"}


def draw(subject: Subject) -> Drawing:
    """Draw every trial by both accuracies, and compare the two winners."""
    share = _share(subject)
    regret = _regret(subject, share)
    figure = Figure(figsize=(9.5, 5), layout="constrained")
    scatter, bars = figure.subplots(1, 2, width_ratios=(3, 2))
    noun = subject.run.job.data.noun
    _draw_scatter(scatter, regret, share, noun)
    _draw_bars(bars, regret, noun)
    figure.suptitle(_title(regret), fontweight="bold")
    biased = subject.run.job.data.val_alignment > CHANCE
    return Drawing(figure, _numbers(regret, share), _caption(regret, share, biased, noun))


def _share(subject: Subject) -> float:
    forced = subject.run.job.data.forced
    if not subject.dataset.has_digits:
        raise NotApplicableError("the images show no digit")
    if subject.dataset.name == "folder":
        return _measured(subject.dataset)
    if forced == 0:
        raise NotApplicableError("the training digits are random, so such a split is unbiased")
    return aligned_share(forced)


def _measured(dataset: Dataset) -> float:
    """The share of aligned images among training images whose shortcut points to a class."""
    train, val = (
        part.aligned.sum() / max((part.aligned | part.conflicting).sum(), 1)
        for part in (dataset.train, dataset.val)
    )
    if train <= val:
        raise NotApplicableError("training images are aligned no more often than validation images")
    return float(train)


def _regret(subject: Subject, share: float) -> Regret:
    if subject.run.job.metric != ACCURACY:
        raise NotApplicableError(f"the search judged its trials by {subject.judged_by}")
    regret = regret_of(subject.search, share, subject.run.job.data.val_alignment)
    if regret is None or len({candidate.trial for candidate in regret.candidates}) < 2:
        raise NotApplicableError("the search has fewer than two trials to choose from")
    return regret


def _title(regret: Regret) -> str:
    if _same(regret.honest, regret.misled):
        return "A biased validation split would have chosen the same weights"
    cost = 100 * regret.accuracy
    return f"A biased validation split would have cost {cost:.1f} points of unbiased accuracy"


def _draw_scatter(axes: Axes, regret: Regret, share: float, noun: str) -> None:
    every, best = regret.candidates, bests(regret.candidates)
    axes.scatter(*_points(every), s=9, color="0.75", label="an epoch of a trial")
    axes.scatter(*_points(best), s=32, color="0.35", label="a trial's best epoch (unbiased)")
    baseline = [candidate for candidate in best if candidate.baseline]
    axes.scatter(
        *_points(baseline), s=130, facecolors="none", edgecolors="black", label="the baseline"
    )
    marks = ((regret.honest, _HONEST, "D", 150), (regret.misled, _MISLED, "X", 80))
    for chosen, style, marker, size in marks:
        points = axes.scatter(*_points([chosen]), s=size, marker=marker, zorder=3, **style)
        points.set_label(f"{style['label']}: {_called(chosen)}, epoch {chosen.epoch}")
    axes.set(
        xlabel=f"expected accuracy if the {noun} of {100 * share:.0f}% of images agrees",
        ylabel="accuracy on the unbiased split",
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8.5, loc="upper left", bbox_to_anchor=(0, -0.14), ncols=1)


def bests(candidates: tuple[Candidate, ...]) -> list[Candidate]:
    """Every trial's first epoch with the highest unbiased accuracy."""
    best: dict[int, Candidate] = {}
    for candidate in candidates:
        if candidate.trial not in best or candidate.unbiased > best[candidate.trial].unbiased:
            best[candidate.trial] = candidate
    return list(best.values())


def _points(candidates: list[Candidate] | tuple[Candidate, ...]) -> tuple[list[float], list[float]]:
    return [c.biased for c in candidates], [c.unbiased for c in candidates]


def _draw_bars(axes: Axes, regret: Regret, noun: str) -> None:
    names = ("unbiased", "conflicting", "following")
    places = np.arange(len(names))
    for chosen, style, shift in ((regret.honest, _HONEST, -0.2), (regret.misled, _MISLED, 0.2)):
        values = [float(getattr(chosen, key)) for key in names]
        bars = axes.bar(places + shift, values, 0.38, **style)
        axes.bar_label(bars, [f"{value:.3f}" for value in values], fontsize=9, padding=2)
    axes.set_xticks(places, ["unbiased\naccuracy", "accuracy,\nconflicting", f"{noun}\nfollowing"])
    axes.set(ylabel="share of images", ylim=(0, 1.1), title="The two winners")
    axes.legend(fontsize=8.5, loc="upper left", bbox_to_anchor=(0, -0.16))


def _called(candidate: Candidate) -> str:
    return "the baseline" if candidate.baseline else f"trial {candidate.label}"


def _same(first: Candidate, second: Candidate) -> bool:
    return (first.trial, first.epoch) == (second.trial, second.epoch)


def _numbers(regret: Regret, share: float) -> dict[str, Any]:
    return {
        "aligned_share": share,
        "honest": asdict(regret.honest),
        "misled": asdict(regret.misled),
        "regret": {
            "accuracy": regret.accuracy,
            "conflicting": regret.conflicting,
            "following": regret.following,
        },
        "trials": [asdict(candidate) for candidate in bests(regret.candidates)],
        "epochs": len(regret.candidates),
    }


def _caption(regret: Regret, share: float, biased: bool, noun: str) -> Caption:
    own = (
        "The search stopped and proposed trials by a split that was itself biased, so the unbiased "
        "accuracy is a mixture too. A search on an unbiased split would have continued other "
        "trials. "
        if biased
        else "The search stopped and proposed trials by the unbiased accuracy. A search on a "
        "biased split would also have continued other trials, so the true cost is probably "
        "higher. "
    )
    return Caption(
        _shows(regret, share, noun),
        f"The expected accuracy on such a split is {share:.2f} times that on aligned images plus "
        f"{1 - share:.2f} times that on conflicting images; both were recorded at the end of every "
        "epoch. Each choice is the highest accuracy over all epochs of all trials that ended, as "
        "the search chooses; ties go to the first.",
        f"{own}The mixture depends on the few images of the smaller group and is noisy. The "
        "unbiased choice is scored on the same images on which it was made, so it cannot lose "
        "here.",
    )


def _shows(regret: Regret, share: float, noun: str) -> str:
    honest, misled = regret.honest, regret.misled
    split = f"Suppose that the {noun} agreed with the label in {100 * share:.0f}% of the "
    split += "validation images, as in training. The search would have chosen "
    if _same(honest, misled):
        return f"{split}the same weights: epoch {honest.epoch} of {_called(honest)}."
    return (
        f"{split}epoch {misled.epoch} of {_called(misled)}. The unbiased choice is epoch "
        f"{honest.epoch} of {_called(honest)}. Compared with it, the biased choice loses "
        f"{100 * regret.accuracy:.1f} points of unbiased accuracy and "
        f"{100 * regret.conflicting:.1f} points on conflicting images; {noun} following goes from "
        f"{100 * honest.following:.1f}% to {100 * misled.following:.1f}%."
    )

"""Whether the network reads the picture or the digit, compared with networks that are known."""

from dataclasses import asdict
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from analysis.audit import report
from analysis.audit.cue import DIGIT, Cue
from analysis.audit.intervals import Estimate
from analysis.audit.metrics import AuditMetric, metrics
from analysis.audit.report import Audit
from analysis.audit.swaps import Swaps
from analysis.audit.verdict import GAIN, LEANING_FLIPS, LEANING_NATS
from analysis.class_names import name_ticks
from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.subject import Subject
from trainables.data.dataset import NO_CLASS

GROUP = "audit"
_HEADS = ("", "this network", "95% interval", "cheater", "robust", "Bayes", "biased", "unbiased")
_WIDTHS = (0.36, 0.11, 0.15, 0.075, 0.075, 0.075, 0.0775, 0.0775)
_KNOWN = 5  # columns that are there for any shortcut; the others are of composite images
# Classes up to which each cell of the matrix tells its value, and an accuracy its interval; and at
# most so many names along an axis.
NUMBERED, SPREAD, TICKS = 12, 40, 20
_ALIGNED, _CONFLICTING = "tab:orange", "tab:blue"


def draw(subject: Subject) -> Drawing:
    """A table of the audit, accuracy by class and alignment, and what each digit does."""
    audit = _audited(subject)
    rows = metrics(audit)
    figure = Figure(figsize=(11, 11.2))
    figure.suptitle(_title(subject, audit), fontsize=14, fontweight="bold", y=0.985)
    _draw_table(figure.add_axes((0.02, 0.46, 0.96, 0.49)), rows, audit.cue.composite)
    _draw_cells(figure.add_axes((0.11, 0.06, 0.36, 0.34)), audit, subject.figure_names)
    bottom = 0.06 if audit.cue.composite else 0.12  # names stand where the digits do
    lower_right = figure.add_axes((0.61, bottom, 0.37, 0.40 - bottom))
    if isinstance(audit.swaps, str):
        _say(lower_right, f"Nothing was pasted in:\n{audit.swaps}.")
    else:
        _draw_matrix(lower_right, audit.swaps, audit.cue, subject.figure_names)
    return Drawing(figure, _numbers(subject, audit, rows), _caption(subject, audit, rows))


def _audited(subject: Subject) -> Audit:
    digits, cue = subject.split.digits, subject.cue
    if digits is None or cue is None:
        raise NotApplicableError("the images show no digit")
    if cue.noun == DIGIT.noun and cue.kinds != DIGIT.kinds:
        raise NotApplicableError("the classes are not ten, as the digits are")
    if cue.noun == DIGIT.noun and len(np.unique(digits[digits != NO_CLASS])) < DIGIT.kinds:
        raise NotApplicableError(f"the {subject.split_name} images do not show all ten digits")
    if (digits == NO_CLASS).all():
        raise NotApplicableError(f"the shortcut of no {subject.split_name} image points to a class")
    return report.audit(
        subject.model,
        subject.split,
        subject.normalise,
        subject.device,
        evaluation=subject.evaluation,
        cue=cue,
        split_name=subject.split_name,
    )


def _title(subject: Subject, audit: Audit) -> str:
    words, fault = audit.verdict.words, audit.verdict.fault
    faults = {
        "readout": " (the last layer is at fault)",
        "features": " (the features are at fault)",
    }
    architecture = subject.run.setting.architecture
    name = audit.verdict.subject.replace("the network", architecture)
    return f"Shortcut audit: {name} {words}{faults.get(fault, '')}"


def _draw_table(axes: Axes, rows: list[AuditMetric], composite: bool) -> None:
    axes.axis("off")
    columns = len(_HEADS) if composite else _KNOWN
    cells = [list(_cells(row))[:columns] for row in rows]
    table = axes.table(
        cells,
        colLabels=_HEADS[:columns],
        colWidths=[width / sum(_WIDTHS[:columns]) for width in _WIDTHS[:columns]],
        loc="upper center",
        bbox=Bbox.from_bounds(0, 0, 1, 0.94),
    )
    table.auto_set_font_size(False)
    table.set_fontsize(9.5)
    for (row, column), cell in table.get_celld().items():
        cell.set(edgecolor="0.85", linewidth=0.6)
        cell.get_text().set_horizontalalignment("left" if column == 0 else "center")
        cell.PAD = 0.02
        if row == 0 or column == 1:
            cell.get_text().set_fontweight("bold")
        cell.set_facecolor("0.93" if row == 0 else "white")
    places = {"known networks": 0.735, "gap5, measured": 0.923} if composite else {}
    for words, place in (places or {"known networks": 0.903}).items():
        axes.text(place, 0.965, words, ha="center", fontsize=9.5, transform=axes.transAxes)


def _cells(row: AuditMetric) -> tuple[str, ...]:
    known = asdict(row.reference)
    if row.name == "boost":
        known["cheater"] = "large"
    texts = [v if isinstance(v, str) else "-" if v is None else f"{v:.3f}" for v in known.values()]
    value, interval = _texts(row.estimate)
    return (row.title, value, interval, *texts)


def _texts(estimate: Estimate | None) -> tuple[str, str]:
    if estimate is None:
        return "-", ""
    return f"{estimate.value:z.3f}", f"{estimate.low:z.3f} to {estimate.high:z.3f}"


def _draw_cells(axes: Axes, audit: Audit, classes: tuple[str, ...]) -> None:
    groups = {True: (_ALIGNED, "aligned", 0.15), False: (_CONFLICTING, "conflicting", -0.15)}
    for aligned, (colour, name, shift) in groups.items():
        cells = [c for c in audit.groups.cells if c.aligned == aligned and c.accuracy is not None]
        estimates = [cell.accuracy for cell in cells if cell.accuracy is not None]
        values, places = np.array([e.value for e in estimates]), [c.label - shift for c in cells]
        spread = np.abs(np.array([(e.low, e.high) for e in estimates]).T - values)
        xerr = spread if len(classes) <= SPREAD else None
        axes.errorbar(values, places, xerr=xerr, fmt="o", color=colour, markersize=4, label=name)
        whole = audit.groups.aligned if aligned else audit.groups.conflicting
        if whole is not None:
            axes.axvline(whole.value, color=colour, linestyle=":", linewidth=1.2)
    name_ticks(axes, classes, "y", TICKS)
    axes.invert_yaxis()
    axes.set(xlim=(-0.02, 1.02), xlabel="accuracy, 95% interval (dotted: of all such images)")
    axes.set_title("Accuracy by class and alignment", fontsize=11, pad=22)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 0.99), ncols=2, fontsize=9, frameon=False)


def _say(axes: Axes, words: str) -> None:
    axes.axis("off")
    axes.text(0.5, 0.5, words, ha="center", va="center", fontsize=10, wrap=True)


def _draw_matrix(axes: Axes, swaps: Swaps, cue: Cue, classes: tuple[str, ...]) -> None:
    matrix = swaps.matrix
    bound = max(float(np.abs(matrix).max()), 1.0)  # noise is not to look like a finding
    axes.imshow(matrix, cmap="RdBu_r", vmin=-bound, vmax=bound)
    for (row, column), value in np.ndenumerate(matrix) if len(matrix) <= NUMBERED else ():
        ink = "white" if abs(value) > 0.6 * bound else "black"
        axes.text(column, row, f"{value:z.1f}", ha="center", va="center", fontsize=7.5, color=ink)
    if cue.composite:
        axes.set_xticks(range(cue.kinds))
    name_ticks(axes, classes, "y" if cue.composite else "xy", TICKS)
    axes.set(xlabel=f"{cue.noun} pasted in")
    axes.set_title(f"What each {cue.noun} adds to each class (nats)", fontsize=11)


def _numbers(subject: Subject, audit: Audit, rows: list[AuditMetric]) -> dict[str, Any]:
    worst = audit.groups.worst
    refit, swaps = audit.decodability, audit.swaps
    refitted = None if isinstance(refit, str) else refit.refitted
    return {
        "verdict": audit.verdict.words,
        "fault": audit.verdict.fault,
        "verdict_subject": audit.verdict.subject,
        "verdict_sentence": audit.verdict.sentence,
        "thresholds": {"nats": LEANING_NATS, "flips": LEANING_FLIPS, "gain": GAIN},
        "split": subject.shown,
        "classes": subject.dataset.classes,
        "metrics": {row.name: _row(row) for row in rows},
        "cells": [
            {"class": c.label, "aligned": c.aligned, "accuracy": c.accuracy and asdict(c.accuracy)}
            for c in audit.groups.cells
        ],
        "worst_cell": worst and {"class": worst.label, "aligned": worst.aligned},
        "expected_least_cell": audit.groups.expected_minimum,
        "shortcut": asdict(audit.cue),
        "boost_matrix": None if isinstance(swaps, str) else swaps.matrix.tolist(),
        "pasted_images": 0 if isinstance(swaps, str) else swaps.images,
        "readout": None if isinstance(refit, str) else refit.layer,
        "refitted_accuracy": refitted and asdict(refitted),
    }


def _row(row: AuditMetric) -> dict[str, Any]:
    known = {f"reference_{name}": value for name, value in asdict(row.reference).items()}
    own = {"value": None} if row.estimate is None else asdict(row.estimate)
    return {**own, "missing": row.missing, **known}


def _caption(subject: Subject, audit: Audit, rows: list[AuditMetric]) -> Caption:
    missing = {row.missing for row in rows if row.missing}
    left_out = f" Not to be had: {'; '.join(sorted(missing))}." if missing else ""
    return Caption(_shows(subject, audit), _made(audit) + left_out, _limits(subject, audit))


def _shows(subject: Subject, audit: Audit) -> str:
    noun, following = audit.cue.noun, audit.groups.following
    beta = None if isinstance(audit.swaps, str) else audit.swaps.boost
    said = f"{audit.verdict.subject} {audit.verdict.sentence}."
    parts = [said[0].upper() + said[1:]]
    if beta is not None:
        parts.append(
            f"The {noun} multiplies the odds of its own class by e to the {beta.value:z.2f}, "
            f"{np.exp(beta.value):.3g}."
        )
    if following is not None:
        parts.append(
            f"Of the conflicting {subject.split_name} images {100 * following.value:.1f}% are "
            f"predicted as their {noun}."
        )
    return " ".join([*parts, _compared_networks(audit.cue)])


def _compared_networks(cue: Cue) -> str:
    known = (
        f"Beside each figure those of a network that says the {cue.noun} (cheater), of one of this "
        "accuracy that never looks at it (robust)"
    )
    if not cue.composite:
        return f"{known}."
    return (
        f"{known}, of one that follows Bayes' rule on training "
        "images of which 64% agree, and of gap5 as it was measured once after training on such "
        "images (biased) and on random digits (unbiased)."
    )


def _made(audit: Audit) -> str:
    parts, noun, swaps = [], audit.cue.noun, audit.swaps
    if not isinstance(swaps, str):
        parts.append(
            f"Every {noun}, cut from another image of the split, was pasted into {swaps.images:,} "
            f"images before normalisation. The matrix is the mean log-probability by class and "
            f"{noun}, less the means of its rows and columns; β is the mean of its diagonal times "
            f"{audit.cue.kinds}/{audit.cue.kinds - 1}."
        )
    if not isinstance(audit.decodability, str):
        parts.append(
            "The last layer was refitted (standardised logistic regression) on every second image "
            "and scored on the others, and the other way round; so was the "
            f"{noun}'s classifier."
        )
    if not isinstance(audit.mass, str):
        parts.append("Attribution: integrated gradients from a grey canvas, evenly chosen images.")
    leans = (
        "its accuracy on aligned images is above that on conflicting ones, with intervals that do "
        "not meet"
        if isinstance(swaps, str)
        else f"β is {LEANING_NATS} nats or more or another {noun} changes "
        f"{100 * LEANING_FLIPS:.0f}% more predictions than another image of the same one"
    )
    parts.append(
        "Intervals are Wilson's for shares, Bonett and Price's for differences on the same images, "
        f"normal for means. It leans where {leans}; "
        f"it cheats where conflicting images are predicted as the {noun} more often than as the "
        f"label; its last layer is at fault where refitting gains {100 * GAIN:.0f}% or more, with "
        "an interval above 0."
    )
    return " ".join(parts)


def _limits(subject: Subject, audit: Audit) -> str:
    parts = []
    lowest, worst = audit.groups.expected_minimum, audit.groups.worst
    if lowest is not None and worst is not None and worst.accuracy is not None:
        parts.append(
            f"The least of {len(audit.groups.cells)} small cells is biased low: if the cells "
            f"differed by chance alone, {lowest:.2f} would be expected in the mean "
            f"({worst.accuracy.value:.2f} was found, in a cell of size {worst.accuracy.images})."
        )
    parts.append(
        "Decodability and attribution mislead without their controls: random weights let much of "
        f"the {audit.cue.noun} through. The intervals are of the images, not of another training."
    )
    if subject.shown == "train":
        noun = audit.cue.noun
        parts.append(f"Most training {noun}s agree with the label: this accuracy is not unbiased.")
    return " ".join(parts)

"""The shortcut audit: whether the network reads the picture or the digit."""

from dataclasses import asdict
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from analysis.audit import report
from analysis.audit.attribution import Mass
from analysis.audit.cue import DIGIT, Cue
from analysis.audit.metrics import AuditMetric, metrics
from analysis.audit.report import Audit
from analysis.audit.swaps import Swaps
from analysis.audit.verdict import (
    ANSWERS_MARGIN,
    GAIN,
    LEANING_ANSWERS,
    LEANING_NATS,
    NATS_MARGIN,
    READS,
    SENSITIVE,
)
from analysis.class_names import name_ticks, shortened
from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.look import ALIGNED, CONFLICTING
from analysis.subject import Subject
from trainables.data.dataset import NO_CLASS

GROUP = "audit"
_HEADS = (
    *("", "this network", "95% interval", "to its class"),
    *("cheater", "robust", "Bayes", "biased", "unbiased"),
)
_WIDTHS = (0.325, 0.1, 0.14, 0.085, 0.068, 0.068, 0.068, 0.07, 0.076)
_KNOWN = 6  # columns for any shortcut; the others are only for composite images
# Most classes with a number in each cell of the matrix, most classes with intervals of the
# accuracy, and most names along an axis.
NUMBERED, SPREAD, TICKS = 12, 40, 20
_SHADE = "#fff1d6"
_LINE = 150  # characters of the evidence in a line


def draw(subject: Subject) -> Drawing:
    """Draw the audit's table, the accuracy by class and alignment, and each digit's effect."""
    audit = _audited(subject)
    rows = metrics(audit)
    figure = Figure(figsize=(11, 12.4))
    figure.suptitle(_title(subject, audit), fontsize=14, fontweight="bold", y=0.987)
    evidence = "\n".join(wrap(audit.verdict.evidence, _LINE))
    figure.text(0.5, 0.966, evidence, ha="center", va="top", fontsize=10)
    _draw_table(figure.add_axes((0.02, 0.43, 0.96, 0.49)), rows, audit.cue.composite)
    _draw_cells(figure.add_axes((0.11, 0.055, 0.36, 0.315)), audit, subject.figure_names)
    bottom = 0.055 if audit.cue.composite else 0.11  # names need more room than digits
    lower_right = figure.add_axes((0.61, bottom, 0.37, 0.37 - bottom))
    if isinstance(audit.swaps, str):
        _write(lower_right, f"Nothing was pasted in:\n{audit.swaps}.")
    else:
        _draw_matrix(lower_right, audit.swaps, audit.cue, subject.figure_names)
    return Drawing(figure, _numbers(subject, audit, rows), _caption(subject, audit, rows))


def _audited(subject: Subject) -> Audit:
    digits, cue = subject.split.digits, subject.cue
    if digits is None or cue is None:
        raise NotApplicableError("the images show no digit")
    drawn = subject.run.job.data.shortcut is None
    if drawn and cue.kinds != DIGIT.kinds:
        raise NotApplicableError("there are not ten classes, one for each digit")
    if drawn and len(np.unique(digits[digits != NO_CLASS])) < DIGIT.kinds:
        raise NotApplicableError(f"the {subject.split_name} images do not show all ten digits")
    if (digits == NO_CLASS).all():
        raise NotApplicableError(
            f"no {subject.split_name} image has a {cue.noun} that points to a class"
        )
    return report.audit(
        subject.model,
        subject.split,
        subject.normalise,
        subject.device,
        evaluation=subject.evaluation,
        exact=subject.exact,
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
    sensitive = f" (sensitive to the {audit.cue.noun})" if audit.verdict.sensitivity else ""
    return f"Shortcut audit: {name} {words}{faults.get(fault, sensitive)}"


def _draw_table(axes: Axes, rows: list[AuditMetric], composite: bool) -> None:
    axes.axis("off")
    columns = len(_HEADS) if composite else _KNOWN
    rows, most = [row for row in rows if row.estimate is not None], len(rows)
    cells = [list(_cells(row))[:columns] for row in rows]
    basis = _basis(rows)
    height = 0.94 * min(1.0, (1 + len(rows)) / (1 + most))
    table = axes.table(
        cells,
        colLabels=_HEADS[:columns],
        colWidths=[width / sum(_WIDTHS[:columns]) for width in _WIDTHS[:columns]],
        loc="upper center",
        bbox=Bbox.from_bounds(0, 0.94 - height, 1, height),
    )
    table.auto_set_font_size(False)
    table.set_fontsize(9.5)
    for (row, column), cell in table.get_celld().items():
        cell.set(edgecolor="0.85", linewidth=0.6)
        cell.get_text().set_horizontalalignment("left" if column == 0 else "center")
        cell.PAD = 0.02
        if row == 0 or column == 1:
            cell.get_text().set_fontweight("bold")
        shaded = row > 0 and rows[row - 1].name in basis
        cell.set_facecolor("0.93" if row == 0 else _SHADE if shaded else "white")
    axes.text(
        0, 0.965, "shaded: the verdict rests on these", fontsize=9.5, transform=axes.transAxes
    )
    places = {"known networks": 0.76, "gap5, measured": 0.93} if composite else {}
    for words, place in (places or {"known networks": 0.915}).items():
        axes.text(place, 0.965, words, ha="center", fontsize=9.5, transform=axes.transAxes)


def _basis(rows: list[AuditMetric]) -> tuple[str, ...]:
    """Names of the rows that decide the verdict: those of pasted digits, if any were pasted."""
    pasted = any(row.name == "boost" for row in rows)
    return ("excess", *(("boost", "answers") if pasted else ("natural_boost", "natural_answers")))


def _cells(row: AuditMetric) -> tuple[str, ...]:
    known = [_text(row, value) for value in asdict(row.reference).values()]
    if row.in_nats:
        known[0] = "large"
    value, low, high = (
        _text(row, getattr(row.estimate, name, None)) for name in ("value", "low", "high")
    )
    return (row.title, value, f"{low} to {high}", row.towards, *known)


def _text(row: AuditMetric, value: float | None) -> str:
    """A value of ``row`` in nats or in percent."""
    if value is None:
        return "-"
    if row.in_nats:
        return f"{value:z.3f}"
    return f"{100 * min(max(value, -1.0), 1.0):z.1f}%"  # a normal interval can end beyond 100%


def _draw_cells(axes: Axes, audit: Audit, classes: tuple[str, ...]) -> None:
    groups = {True: (ALIGNED, "aligned", 0.15), False: (CONFLICTING, "conflicting", -0.15)}
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
    axes.set(xlim=(-0.02, 1.02), xlabel="accuracy, 95% interval (dotted: all images of the colour)")
    axes.set_title("Accuracy by class and alignment", fontsize=11, pad=22)
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 0.99), ncols=2, fontsize=9, frameon=False)


def _write(axes: Axes, words: str) -> None:
    axes.axis("off")
    axes.text(0.5, 0.5, words, ha="center", va="center", fontsize=10, wrap=True)


def _draw_matrix(axes: Axes, swaps: Swaps, cue: Cue, classes: tuple[str, ...]) -> None:
    matrix = swaps.matrix
    greatest = float(np.abs(matrix).max())
    bound = max(greatest, 1.0)  # so that noise does not look like an effect
    decimals, size = (1, 7.5) if greatest >= 1 else (2, 7)
    axes.imshow(matrix, cmap="RdBu_r", vmin=-bound, vmax=bound)
    for (row, column), value in np.ndenumerate(matrix) if len(matrix) <= NUMBERED else ():
        ink = "white" if abs(value) > 0.6 * bound else "black"
        words = f"{value:z.{decimals}f}"
        axes.text(column, row, words, ha="center", va="center", fontsize=size, color=ink)
    if cue.composite:
        axes.set_xticks(range(cue.kinds))
    name_ticks(axes, classes, "y" if cue.composite else "xy", TICKS)
    axes.set(xlabel=f"{cue.noun} pasted in", ylabel="class")
    title = f"What each {shortened(cue.noun)} adds to each class (nats)"
    beta = f"β = mean of the diagonal times {cue.kinds}/{cue.kinds - 1}"
    axes.set_title(f"{title}\n{beta}", fontsize=11)


def _numbers(subject: Subject, audit: Audit, rows: list[AuditMetric]) -> dict[str, Any]:
    worst = audit.groups.worst
    refit, swaps = audit.decodability, audit.swaps
    refitted = None if isinstance(refit, str) else refit.refitted
    return {
        "verdict": audit.verdict.words,
        "fault": audit.verdict.fault,
        "verdict_subject": audit.verdict.subject,
        "verdict_sentence": audit.verdict.sentence,
        "verdict_evidence": audit.verdict.evidence,
        "sensitivity": audit.verdict.sensitivity,
        "thresholds": {
            "nats": LEANING_NATS,
            "nats_margin": NATS_MARGIN,
            "answers": LEANING_ANSWERS,
            "answers_margin": ANSWERS_MARGIN,
            "sensitive": SENSITIVE,
            "gain": GAIN,
        },
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
    return {**own, "towards_its_class": row.towards, "missing": row.missing, **known}


def _caption(subject: Subject, audit: Audit, rows: list[AuditMetric]) -> Caption:
    missing = {row.missing for row in rows if row.missing}
    left_out = f" Some figures are missing: {'; '.join(sorted(missing))}." if missing else ""
    return Caption(_shows(subject, audit), _made(audit) + left_out, _limits(subject, audit))


def _shows(subject: Subject, audit: Audit) -> str:
    noun, verdict, swaps = audit.cue.noun, audit.verdict, audit.swaps
    sentence = f"{verdict.subject} {verdict.sentence}."
    parts = [sentence[0].upper() + sentence[1:], verdict.evidence]
    beta = audit.natural.boost if isinstance(swaps, str) else swaps.pull.boost
    if beta is not None:
        parts.append(
            f"β multiplies the odds of the {noun}'s own class by e to the power of "
            f"{beta.value:z.2f}, which is {np.exp(beta.value):.3g}."
        )
    return " ".join(filter(None, [*parts, _greying(audit), _compared_networks(audit.cue)]))


def _greying(audit: Audit) -> str:
    """A sentence on the accuracy lost by a grey digit, if the network reads the picture."""
    accuracy, greyed, noun = audit.groups.accuracy, audit.digit_greyed, audit.cue.noun
    if greyed is None or accuracy is None or audit.verdict.words != READS:
        return ""
    if greyed.high >= accuracy.low:
        return ""
    return (
        f"A grey {noun} costs {100 * (accuracy.value - greyed.value):.1f} points of accuracy. "
        f"This is sensitivity: an image without its {noun} is unlike any training image."
    )


def _compared_networks(cue: Cue) -> str:
    known = (
        f"For comparison, the table has the figures of a network that always predicts the "
        f"{cue.noun} (cheater) and of one with this network's accuracy that ignores it (robust)."
    )
    if not cue.composite:
        return known
    return (
        f"{known} It also has those of a network that follows Bayes' rule on training images of "
        "which 64% are aligned (Bayes), and of gap5 after training on such images (biased) and on "
        "images with random digits (unbiased), each measured once."
    )


def _made(audit: Audit) -> str:
    parts, noun, swaps = [], audit.cue.noun, audit.swaps
    if not isinstance(swaps, str):
        parts.append(
            f"Every kind of {noun}, cut from other images of the split, was pasted into "
            f"{swaps.images:,} images before normalisation. The matrix holds the mean "
            f"log-probabilities by class and {noun}, minus the means of its rows and columns; β is "
            f"the mean of its diagonal times {audit.cue.kinds}/{audit.cue.kinds - 1}."
        )
    if not isinstance(audit.decodability, str):
        parts.append(
            "The last layer was refitted (standardised logistic regression) on one half of the "
            f"images and scored on the other half, for both halves. So was the {noun}'s classifier."
        )
    if not isinstance(audit.mass, str):
        parts.append(
            f"The attribution is integrated gradients from the mean image, over "
            f"{_images(audit.mass)} evenly chosen images; the attribution figures show it for a "
            "few images."
        )
    parts.append(_rules(noun, not isinstance(swaps, str)))
    return " ".join(parts)


def _images(mass: Mass) -> int:
    return 0 if mass.trained is None else mass.trained.images


def _rules(noun: str, pasted: bool) -> str:
    """The rules of the verdict, in words."""
    basis = f"with a pasted {noun}" if pasted else "on unchanged images"
    return (
        "Intervals are Wilson's for shares, Newcombe's for differences of groups, Bonett and "
        "Price's for differences on the same images, and normal for means. Some figures are 0 "
        f"unless the {noun} draws predictions to its own class: «to its class» says whether their "
        "interval is above 0 (yes), below 0 (away) or includes 0 (no). Flips and grey parts have "
        f"no such direction; they show sensitivity. The network leans on the {noun} if two "
        f"conditions hold. First, β and the share of predictions drawn, {basis}, are above 0 with "
        f"their intervals. Second, β is {LEANING_NATS} nats or more (odds times "
        f"{np.exp(LEANING_NATS):.2f}), or that share is {100 * LEANING_ANSWERS:.0f}% or more. If "
        f"an interval reaches {NATS_MARGIN} nats or {100 * ANSWERS_MARGIN:.0f}% beyond its "
        "threshold, the verdict is open. The network cheats if β and the share are above 0 in the "
        f"same way, and conflicting images are predicted as the {noun} more often than as the "
        f"label, with an interval above 0. It is sensitive if it does not lean and another {noun} "
        f"changes more than {100 * SENSITIVE:.0f}% of its predictions. Its last layer is at fault "
        f"if refitting gains {100 * GAIN:.0f}% or more, with an interval above 0."
    )


def _limits(subject: Subject, audit: Audit) -> str:
    parts = []
    lowest, worst = audit.groups.expected_minimum, audit.groups.worst
    if lowest is not None and worst is not None and worst.accuracy is not None:
        parts.append(
            f"The lowest accuracy of {len(audit.groups.cells)} small cells is biased low: if the "
            f"cells differed by chance alone, it would be {lowest:.2f} on average. It is "
            f"{worst.accuracy.value:.2f}, in a cell of {worst.accuracy.images} images."
        )
    parts.append(
        "Decodability and attribution mislead without their controls: random weights let much of "
        f"the {audit.cue.noun} through. The intervals cover other images, not another training."
    )
    if subject.shown == "train":
        noun = audit.cue.noun
        parts.append(
            f"In most training images the {noun} agrees with the label, so this accuracy is biased."
        )
    return " ".join(parts)

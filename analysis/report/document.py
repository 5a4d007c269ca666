"""The content of a report, independent of its format."""

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from analysis.attribution.explanation import introduction
from analysis.audit.intervals import share
from analysis.certificate import Certificate
from analysis.drawn import DrawnFigure, Gallery
from analysis.figures import GROUPS
from analysis.model import FOLDER
from analysis.report import sealed
from analysis.report.expected import expected
from analysis.sealed import Seal
from analysis.subject import Subject
from trainables.best_epoch import ACCURACY
from trainables.data.composite import CHANCE
from trainables.data.region_swap import patch_sides
from trainables.recipe import Value

Pairs = tuple[tuple[str, str], ...]

_TITLES = {
    "audit": "Picture or shortcut",
    "data": "Data",
    "filters": "Filters and parameters",
    "activations": "Activations",
    "attribution": "Attribution",
    "synthesis": "Synthesised images",
}
# Headings of figures whose file name is not a good heading.
_HEADINGS = {
    "activation_maximisation": "Activation maximisation",
    "audit": "Shortcut audit",
    "cam": "Class activation maps",
    "class_counts": "Images per class",
    "class_norms": "Activation norms by class",
    "classes": "An image of every class",
    "composite": "Composite images",
    "confusion": "Confusion matrix",
    "curves": "Training curves",
    "gabor": "Gabor fits of the filters",
    "guided_backprop": "Guided backpropagation",
    "history": "Search history",
    "importance": "Importance of the settings",
    "occlusion": "Occlusion maps",
    "parallel": "Settings in parallel coordinates",
    "per_class": "Accuracy by class",
    "samples": "Sample predictions",
    "schedule": "Learning rate schedule",
    "slices": "Accuracy by setting",
    "top_images": "Most activating images",
}
# Names of data sets in a title.
_DATA = {
    "cifar10": "CIFAR-10",
    "composite": "composite images",
    "embedded": "the embedded images",
    "folder": "a folder of images",
}
NAMED = 20  # most classes that are listed
_LIBRARIES = ("matplotlib", "captum", "scikit-learn", "numpy")


@dataclass(frozen=True)
class Section:
    """The figures of one group, its title, and a text that applies to all of them."""

    group: str
    title: str
    figures: tuple[DrawnFigure, ...]
    introduction: str = ""


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        title: the network and its data.
        summary: the result, in a sentence.
        certified: whether the reloaded weights gave the logged accuracy.
        certificate: the certificate, in a sentence.
        verdict: the verdict of the shortcut audit, in a sentence; None without an audit.
        evidence: the deciding figures with their intervals, in sentences; empty without an audit.
        remarks: warnings that the test accuracy is worth less, each in a sentence.
        facts: the setting and its measured values, as terms and their texts.
        readings: all readings of the test labels, if there are several, as names and results.
        settings: hyperparameters of the run, as names and values.
        sections: the figures, by group.
        left_out: headings of figures that do not apply, each with the reason.
        failed: headings of figures that apply but could not be drawn, each with the reason.
        made: time of the report.
        versions: versions of Convoy and its libraries.
    """

    title: str
    summary: str
    certified: bool
    certificate: str
    verdict: str | None
    evidence: str
    remarks: tuple[str, ...]
    facts: Pairs
    readings: Pairs
    settings: Pairs
    sections: tuple[Section, ...]
    left_out: Pairs
    failed: Pairs
    made: datetime
    versions: Pairs

    @property
    def figures(self) -> tuple[DrawnFigure, ...]:
        """All figures, in order."""
        return tuple(figure for section in self.sections for figure in section.figures)


def report_of(
    subject: Subject,
    certificate: Certificate,
    gallery: Gallery,
    made: datetime,
    seal: Seal | None = None,
) -> Report:
    """The report of a run with the figures of ``gallery`` and the readings of its test labels."""
    run, data = subject.run, subject.dataset.name
    seal = seal or Seal(run)
    return Report(
        title=f"{run.setting.architecture} on {_DATA.get(data, data)}",
        summary=(
            f"The {run.described} classifies {100 * run.val_accuracy:.2f}% of "
            f"{len(subject.dataset.val):,} validation images correctly, with the weights of epoch "
            f"{run.best_epoch} of {run.setting.epochs}."
            f"{_expectation(expected(subject))}"
        ),
        certified=certificate.certified,
        certificate=_sentence(certificate.verdict),
        verdict=_audit_verdict(gallery),
        evidence=_audit_evidence(gallery),
        remarks=sealed.remarks(seal),
        facts=_facts(subject, seal),
        readings=sealed.readings(seal),
        settings=_settings(subject),
        sections=_sections(gallery, {"attribution": introduction(subject)}),
        left_out=tuple((heading(name), why) for name, why in gallery.left_out.items()),
        failed=tuple((heading(name), why) for name, why in gallery.failed.items()),
        made=made,
        versions=_versions(certificate),
    )


def heading(name: str) -> str:
    """The heading of figure ``name``."""
    return _HEADINGS.get(name) or name.replace("_", " ").capitalize()


def _sections(gallery: Gallery, introductions: dict[str, str]) -> tuple[Section, ...]:
    grouped = {g: tuple(f for f in gallery.drawn if f.group == g) for g in GROUPS}
    return tuple(
        Section(
            group,
            _TITLES.get(group, group.capitalize()),
            figures,
            introductions.get(group, ""),
        )
        for group, figures in grouped.items()
        if figures
    )


def _audit_verdict(gallery: Gallery) -> str | None:
    audits = [figure.numbers for figure in gallery.drawn if figure.name == "audit"]
    return audit_verdict(audits[0]) if audits else None


def audit_verdict(numbers: dict[str, Any]) -> str:
    """The audit's verdict in a sentence, from the numbers of its figure."""
    subject = numbers["verdict_subject"].replace("the network", "this network")
    return _sentence(f"{subject} {numbers['verdict_sentence']}")


def _expectation(figures: str) -> str:
    """A sentence on the accuracy to expect from the setting; empty if nothing is known."""
    return f" These are the best weights of several seeds; expect {figures}." if figures else ""


def _audit_evidence(gallery: Gallery) -> str:
    found = [f.numbers["verdict_evidence"] for f in gallery.drawn if f.name == "audit"]
    return f"{found[0]} In brackets: 95% intervals." if found and found[0] else ""


def check_reportable(figure: DrawnFigure) -> None:
    """Raise an error unless the head of a report can be made from the numbers of ``figure``."""
    gallery = Gallery((figure,), {})
    _audit_verdict(gallery)
    _audit_evidence(gallery)


def _facts(subject: Subject, seal: Seal) -> Pairs:
    run, dataset = subject.run, subject.dataset
    parameters = sum(parameter.numel() for parameter in subject.model.parameters())
    facts = {
        "Validation accuracy": _accuracy(run.val_accuracy, len(dataset.val)),
        "Over fresh seeds": expected(subject),
        "Judged by": _judged_by(subject),
        **sealed.facts(seal),
        "Validated in": _precision(subject),
        "Best epoch": f"{run.best_epoch} of {run.setting.epochs}",
        "Architecture": f"{run.setting.architecture}, {parameters:,} parameters",
        "Data": (
            f"{dataset.name}: {len(dataset.train):,} training, {len(dataset.val):,} validation "
            f"and {len(dataset.test):,} test images of "
            f"{dataset.image_words} pixels, {len(dataset.classes)} classes"
        ),
        "Classes": _classes(subject),
        "Validation digits": _digits(subject),
        "Remark on the data": dataset.remark,
        "Figures show": f"{subject.split_name} images",
        "Assumption": run.setting.recipe.assumption,
        "Attended patch": _attended(subject),
        "Search": run.search,
        "Seed": str(run.setting.seed),
        "Run": run.run_id,
        "Model": f"folder {FOLDER}/ of the analysis; it works without Convoy",
        "Data fingerprint": dataset.fingerprint[:16],
    }
    return tuple((term, value) for term, value in facts.items() if value)


def _attended(subject: Subject) -> str:
    """Where patches were exchanged, if a first training decided it."""
    region = subject.run.attended_region
    if region is None:
        return ""
    tall, wide = patch_sides(subject.run.setting.recipe.swap_size, *subject.dataset.image_shape[:2])
    (row, column) = region
    return (
        f"rows {row} to {row + tall - 1}, columns {column} to {column + wide - 1}: the patch that "
        "a short first training read, exchanged among the training images"
    )


def _judged_by(subject: Subject) -> str:
    """The metric of the search and the run's score, if the metric is not accuracy."""
    run = subject.run
    if run.job.metric == ACCURACY:
        return ""
    again = expected(subject, run.job.metric)
    return f"{subject.judged_by}: {100 * run.score:.2f}%{f'; {again}' if again else ''}"


def _precision(subject: Subject) -> str:
    """Number format and device of the recorded validation, as far as known."""
    provenance = subject.run.provenance
    return f"{provenance.validation_precision}, on {provenance.device_name or provenance.device}"


def _classes(subject: Subject) -> str:
    """Index and full name of each class if figures shorten names; else empty."""
    names = subject.dataset.classes
    if names == subject.figure_names and len(names) <= NAMED:
        return ""
    named = ", ".join(f"{label} {name}" for label, name in enumerate(names[:NAMED]))
    return f"{named}{' and more' if len(names) > NAMED else ''}"


def _digits(subject: Subject) -> str:
    """How often the validation shortcut agrees with the label, if more often than by chance."""
    aligned = subject.run.job.data.val_alignment
    if not subject.dataset.has_digits or aligned <= CHANCE:
        return ""
    return f"agree with {100 * aligned:.0f}% of the labels, which favours networks that read them"


def _accuracy(value: float, images: int) -> str:
    """The share ``value`` of ``images``, with its interval."""
    estimate = share(np.arange(images) < round(value * images))
    return sealed.percent(estimate) if estimate else ""


def _settings(subject: Subject) -> Pairs:
    """The trial's sampled settings; if they are not recorded, its whole recipe and parameters."""
    run = subject.run
    chosen = run.values or {**run.setting.parameters, **vars(run.setting.recipe)}
    values: dict[str, Value] = {"epochs": run.setting.epochs, **chosen}
    return tuple((key, _short(value)) for key, value in values.items())


def _short(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _versions(certificate: Certificate) -> Pairs:
    others = {name: version(name) for name in _LIBRARIES}
    return (("Convoy", version("convoy")), *certificate.versions.items(), *others.items())


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")

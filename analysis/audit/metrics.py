"""The audit as rows of a table: each figure with its interval and those of known networks."""

from dataclasses import dataclass
from operator import attrgetter

from analysis.audit.cue import NO_REGION
from analysis.audit.intervals import Estimate
from analysis.audit.reference import Reference, references
from analysis.audit.report import Audit

_TITLES = {
    "accuracy": "accuracy",
    "aligned": "accuracy, aligned images",
    "conflicting": "accuracy, conflicting images",
    "worst_cell": "accuracy, lowest of the cells below",
    "gap": "accuracy, aligned minus conflicting",
    "following": "digit following (conflicting images)",
    "excess": "   minus accuracy on these images",
    "natural_boost": "images unchanged: β (nats)",
    "natural_answers": "   predictions drawn to the digit's class",
    "boost": "every digit pasted in: β (nats)",
    "answers": "   predictions drawn to the digit's class",
    "paired": "accuracy, label's digit minus another pasted in",
    "flips": "another digit pasted in: prediction changes",
    "control": "   control: another image of the same digit",
    "any_flips": "at least one digit changes the prediction",
    "picture_greyed": "picture greyed: predicted as the digit",
    "digit_greyed": "digit greyed: accuracy",
    "refit_gain": "last layer refitted: gain in accuracy",
    "digit_decodability": "digit decoded from the last features",
    "digit_decodability_control": "   control: random weights",
    "mass": "attribution in the digit's square",
    "mass_control": "   control: random weights",
}
# Rows whose part of the audit may be missing: that part, and the figure in it.
_PARTS = {
    "natural_boost": ("natural", "boost"),
    "natural_answers": ("natural", "answers"),
    "boost": ("swaps", "pull.boost"),
    "answers": ("swaps", "pull.answers"),
    **{name: ("swaps", name) for name in ("paired", "flips", "control", "any_flips")},
    "refit_gain": ("decodability", "gain"),
    "digit_decodability": ("decodability", "digit"),
    "digit_decodability_control": ("decodability", "control"),
    "mass": ("mass", "trained"),
    "mass_control": ("mass", "control"),
}
# Rows that are 0 unless the shortcut draws predictions to its own class.
DIRECTED = ("gap", "natural_boost", "natural_answers", "boost", "answers", "paired")


@dataclass(frozen=True)
class AuditMetric:
    """One row of the table.

    Attributes:
        name: name of the figure.
        title: its name in the table.
        estimate: the network's estimate, or None.
        reference: the figures of known networks.
        missing: why there is no estimate; empty if there is one.
    """

    name: str
    title: str
    estimate: Estimate | None
    reference: Reference
    missing: str = ""

    @property
    def in_nats(self) -> bool:
        """Whether the figure is in nats; all others are shares, or differences of shares."""
        return self.name.endswith("boost")

    @property
    def towards(self) -> str:
        """Whether the figure shows a pull towards the shortcut's own class: yes, no or away.

        Empty for a row without a direction, such as a share of predictions that change.
        """
        if self.estimate is None or self.name not in DIRECTED:
            return ""
        return "yes" if self.estimate.low > 0 else "away" if self.estimate.high < 0 else "no"


def metrics(audit: Audit) -> list[AuditMetric]:
    """All rows, in the order of the table."""
    accuracy = audit.groups.accuracy
    known = references(0.0 if accuracy is None else accuracy.value, audit.cue)
    estimates = _estimates(audit)
    missing = {name: _missing(audit, name, each) for name, each in estimates.items()}
    return [
        AuditMetric(name, title, estimates[name], known.get(name, Reference()), missing[name])
        for name, title in _titles(audit).items()
    ]


def _titles(audit: Audit) -> dict[str, str]:
    """The titles of the rows, with the shortcut's name in place of "digit"."""
    noun, area = audit.cue.noun, f"({100 * audit.area:.0f}% of area)"
    titles = {
        **_TITLES,
        "mass": f"attribution in the digit's square {area}",
    }
    return {name: title.replace("digit", noun) for name, title in titles.items()}


def _estimates(audit: Audit) -> dict[str, Estimate | None]:
    groups, worst = audit.groups, audit.groups.worst
    return {
        "accuracy": groups.accuracy,
        "aligned": groups.aligned,
        "conflicting": groups.conflicting,
        "worst_cell": None if worst is None else worst.accuracy,
        "gap": groups.gap,
        "following": groups.following,
        "excess": groups.excess,
        "picture_greyed": audit.picture_greyed,
        "digit_greyed": audit.digit_greyed,
        **{
            name: None if isinstance(part := _part(audit, name), str) else attrgetter(field)(part)
            for name, (_, field) in _PARTS.items()
        },
    }


def _part(audit: Audit, name: str) -> object:
    """The part of the audit that row ``name`` belongs to; a text if it is missing: the reason."""
    return getattr(audit, _PARTS[name][0]) if name in _PARTS else None


def _missing(audit: Audit, name: str, estimate: Estimate | None) -> str:
    if estimate is not None:
        return ""
    if name.endswith("greyed") and audit.cue.region is None:
        return NO_REGION
    part = _part(audit, name)
    return part if isinstance(part, str) else "no such images"

"""The texts of a report on the sealed test."""

from analysis.audit.intervals import Estimate
from analysis.sealed import Figure, Reading, Seal

_BY_DIGIT: dict[Figure, str] = {
    "test_accuracy_aligned": "{} where it agrees with the label",
    "test_accuracy_conflicting": "{} where it does not",
    "test_digit_following": "{} of those are predicted as the {noun}",
}


def facts(seal: Seal) -> dict[str, str]:
    """The run's reading, or why there is none; empty values if none was due."""
    shown = seal.shown
    if shown is None:
        return {"Test accuracy": f"not read, as {seal.unread}" if seal.unread else ""}
    estimates, noun = shown.estimates, seal.run.job.data.noun
    parts = [
        words.format(f"{100 * estimates[name].value:.1f}%", noun=noun)
        for name, words in _BY_DIGIT.items()
        if name in estimates
    ]
    accuracy = f"{percent(shown.accuracy)}, {seal.place(shown)}, {shown.when}{seal.after(shown)}"
    return {"Test accuracy": accuracy, f"Test, by the {noun}": ", ".join(parts)}


def remarks(seal: Seal) -> tuple[str, ...]:
    """Warnings that the test accuracy is worth less, each in a sentence."""
    lost = seal.unrecorded and (
        "This reading of the test labels could not be recorded: later analyses will not count it."
    )
    return tuple(filter(None, (seal.spent, lost)))


def readings(seal: Seal) -> tuple[tuple[str, str], ...]:
    """All readings of the test images, if there are several, as names and results."""
    if len(seal.readings) < 2:
        return ()
    return tuple((f"Reading {n}", _line(r)) for n, r in enumerate(seal.readings, 1))


def percent(estimate: Estimate) -> str:
    """An estimate with its interval, in percent."""
    ends = f"95% interval {100 * estimate.low:.1f} to {100 * estimate.high:.1f}"
    return f"{100 * estimate.value:.2f}% ({ends})"


def _line(reading: Reading) -> str:
    accuracy = percent(reading.accuracy)
    whose = f"run {reading.run_id[:8]}, by {reading.command}"
    return f"{reading.when}: {accuracy}, search {reading.search}, {whose}"

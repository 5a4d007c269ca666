"""Compare two recorded runs on the same images: where each is right, and whether it is chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import binomtest

from analysis.audit.intervals import Booleans, Estimate, difference
from analysis.examples import sample
from analysis.figures import Caption, Drawing, naming
from analysis.subject import Subject
from trainables.boundary.errors import UsageError
from trainables.data.dataset import Integers

COLUMNS = 6  # images of each kind of disagreement


@dataclass(frozen=True)
class Agreement:
    """Counts of images by which of two networks classifies them correctly.

    Attributes:
        both: images that both get right.
        only_first: images that only the first gets right.
        only_second: images that only the second gets right.
        neither: images that both get wrong.
        same: images for which both predict the same class, right or wrong.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    same: int

    @property
    def images(self) -> int:
        """Number of all images."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def p(self) -> float:
        """McNemar's exact p: could chance alone divide the images that only one gets right so?

        Two-sided binomial test (McNemar 1947, exact form); 1 if there are no such images.
        """
        apart = self.only_first + self.only_second
        return float(binomtest(self.only_first, apart).pvalue) if apart else 1.0


def agreement(first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> Agreement:
    """Count the agreements of two arrays of predictions; all are class indices of shape (N,)."""
    a, b = first == labels, second == labels
    return Agreement(
        both=int(np.sum(a & b)),
        only_first=int(np.sum(a & ~b)),
        only_second=int(np.sum(b & ~a)),
        neither=int(np.sum(~a & ~b)),
        same=int(np.sum(first == second)),
    )


def compare(first: Subject, second: Subject) -> Drawing:
    """Draw how two runs differ on the same images.

    Raises:
        UsageError: the images are not the same.
    """
    _check(first, second)
    a, b = answers = [s.evaluation.predictions.numpy() for s in (first, second)]
    labels = first.split.labels
    counts, gap = agreement(a, b, labels), difference(a == labels, b == labels)
    kinds = _kinds(first, answers)
    with naming(first):
        figure = Figure(figsize=(1.9 * COLUMNS, 3.9 + 2.25 * len(kinds)))
        figure.suptitle(f"A: {_name(first)}\nB: {_name(second)}", fontsize=12, y=0.985)
        _draw_table(figure, counts)
        _draw_words(figure, counts, gap)
        _draw_gallery(figure, first, answers, kinds)
    numbers = _numbers(first, second, counts, gap, kinds, answers)
    return Drawing(figure, numbers, _caption(first, second, counts))


def _check(first: Subject, second: Subject) -> None:
    """Raise UsageError unless both show the same images of the same classes."""
    a, b = first.dataset, second.dataset
    properties = [
        ("data", a.fingerprint[:12], b.fingerprint[:12]),
        ("classes", ", ".join(a.classes), ", ".join(b.classes)),
        ("split", first.shown, second.shown),
        (f"limit of {first.split_name} images", len(first.split), len(second.split)),
    ]
    for name, ours, theirs in properties:
        if ours != theirs:
            raise UsageError(
                f"runs {first.run.run_id} and {second.run.run_id} cannot be compared: their {name} "
                f"differ ({ours} and {theirs}); choose two runs on the same images"
            )


def _name(subject: Subject) -> str:
    run = subject.run
    return f"{run.setting.architecture}, search {run.search}, run {run.run_id[:8]}"


def _kinds(subject: Subject, answers: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Indices of the images that only one run gets right, by run and by the digit's alignment."""
    labels, split = subject.split.labels, subject.split
    groups: dict[str, Booleans] = {"": np.ones(len(labels), dtype=bool)}
    if split.digits is not None:
        groups = {", aligned": split.aligned, ", conflicting": split.conflicting}
    a, b = (answer == labels for answer in answers)
    return {
        f"only {name} is right{suffix}": np.flatnonzero(right & ~other & member)
        for suffix, member in groups.items()
        for name, right, other in (("A", a, b), ("B", b, a))
    }


def _draw_table(figure: Figure, counts: Agreement) -> None:
    height = figure.get_figheight()
    axes = figure.add_axes((0.12, 1 - 3.2 / height, 0.26, 2.0 / height))
    cells = np.array([[counts.both, counts.only_first], [counts.only_second, counts.neither]])
    axes.imshow(cells / max(counts.images, 1), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(cells):
        share = count / counts.images
        ink = "white" if share > 0.5 else "black"
        text = f"{count:,}\n{100 * share:.1f}%"
        axes.text(column, row, text, ha="center", va="center", color=ink)
    axes.set_xticks((0, 1), ("B right", "B wrong"))
    axes.set_yticks((0, 1), ("A right", "A wrong"))
    axes.xaxis.tick_top()


def _draw_words(figure: Figure, counts: Agreement, gap: Estimate | None) -> None:
    accuracies = [counts.both + counts.only_first, counts.both + counts.only_second]
    a, b = (count / counts.images for count in accuracies)
    lines = [f"A: {100 * a:.2f}% right", f"B: {100 * b:.2f}% right"]
    if gap is not None:
        ends = f"{100 * gap.low:.2f} to {100 * gap.high:.2f}"
        lines.append(f"A minus B: {100 * gap.value:.2f} points (95%: {ends})")
    lines.append(f"McNemar's exact p: {_p(counts.p)}")
    same = 100 * counts.same / counts.images
    lines.append(f"same prediction: {same:.1f}% of {counts.images:,}")
    top = 1 - 1.25 / figure.get_figheight()
    figure.text(0.46, top, "\n".join(lines), va="top", fontsize=12, linespacing=1.6)


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"


def _draw_gallery(
    figure: Figure, subject: Subject, answers: list[np.ndarray], kinds: dict[str, np.ndarray]
) -> None:
    height = figure.get_figheight()
    for row, (kind, indices) in enumerate(kinds.items()):
        top = 1 - (3.75 + 2.25 * row) / height
        text = f"{kind} ({len(indices):,})"
        figure.text(0.03, top, text, fontsize=11, fontweight="bold", va="bottom")
        for column, index in enumerate(_shown(subject, indices)):
            place = (0.03 + 0.16 * column, top - 1.9 / height, 0.135, 1.45 / height)
            _draw_image(figure.add_axes(place), subject, answers, int(index))


def _shown(subject: Subject, indices: Integers) -> Integers:
    return sample(subject.split.labels, COLUMNS, indices)


def _draw_image(axes: Axes, subject: Subject, answers: list[np.ndarray], index: int) -> None:
    classes = subject.figure_names
    axes.imshow(subject.picture(index))
    axes.axis("off")
    a, b = (classes[int(answer[index])] for answer in answers)
    axes.set_title(f"A: {a}\nB: {b}", fontsize=9, loc="left")


def _numbers(
    first: Subject,
    second: Subject,
    counts: Agreement,
    gap: Estimate | None,
    kinds: dict[str, np.ndarray],
    answers: list[np.ndarray],
) -> dict[str, Any]:
    return {
        "first": _name(first),
        "second": _name(second),
        "precisions": [first.precision, second.precision],
        "split": first.shown,
        "images": counts.images,
        "both_right": counts.both,
        "only_first": counts.only_first,
        "only_second": counts.only_second,
        "both_wrong": counts.neither,
        "same_answer": counts.same / counts.images,
        "accuracies": [float(np.mean(answer == first.split.labels)) for answer in answers],
        "difference": None if gap is None else [gap.value, gap.low, gap.high],
        "mcnemar_p": counts.p,
        "disagreements": {kind: len(indices) for kind, indices in kinds.items()},
        "shown": {kind: _shown(first, indices).tolist() for kind, indices in kinds.items()},
    }


def _caption(subject: Subject, second: Subject, counts: Agreement) -> Caption:
    chance = "do not differ significantly" if counts.p >= 0.05 else "differ by more than chance"
    return Caption(
        f"Of {counts.images:,} {subject.split_name} images, both networks get {counts.both:,} "
        f"right and {counts.neither:,} wrong. Only A gets {counts.only_first:,} right, and only B "
        f"{counts.only_second:,}. The two accuracies {chance} (p = {_p(counts.p)}). Below are "
        "examples of images that only one network gets right, drawn from all classes with a fixed "
        "seed.",
        "Each network has the weights of its run's best epoch. Both are in eval mode and in the "
        f"precision in which the run was validated (A {subject.precision}, B {second.precision}). "
        "They see the same unaugmented images. p is from McNemar's exact test: a two-sided "
        "binomial test that an image that only one network gets right is as likely A's as B's. "
        "The interval of the difference is Bonett and Price's for paired shares.",
        "This compares two trained networks, not two recipes: another seed of the same recipe "
        "would also differ. A run that was chosen on these same images has a small advantage.",
    )

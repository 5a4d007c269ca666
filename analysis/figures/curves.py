"""Loss and accuracy by epoch, with the best epoch and the lowest validation loss marked."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures import Caption, Drawing
from analysis.look import ALIGNED, CONFLICTING, MARK, TRAINING, VALIDATION
from analysis.subject import Subject
from search.records.parsing import History
from trainables.best_epoch import ACCURACY

GROUP = "training"
Look = dict[str, Any]
Lines = dict[str, Look]
# The metrics of each panel, with their names and styles in the legend.
_TRAINING: Look = {"label": "training", "color": TRAINING}
_VALIDATION: Look = {"label": "validation", "color": VALIDATION}
_LOSS: Lines = {"train_loss": _TRAINING, "val_loss": _VALIDATION}
_ACCURACY: Lines = {
    "train_accuracy": _TRAINING,
    "train_accuracy_clean": {"label": "training, unmixed", "color": TRAINING, "linestyle": "--"},
    "val_accuracy": _VALIDATION,
}
_SHORTCUT: Lines = {
    "val_accuracy_aligned": {"label": "aligned", "color": ALIGNED},
    "val_accuracy_conflicting": {"label": "conflicting", "color": CONFLICTING},
}
# Published losses of the sources' own trainings, by architecture and by epoch, from epoch 1.
# Source 000_82391c71948bbb2f.txt, its training log.
_PUBLISHED: dict[str, dict[str, tuple[float, ...]]] = {
    "conv3": {
        "train_loss": (
            *(1.3924, 0.9970, 0.8385, 0.7331, 0.6504, 0.5798, 0.5257, 0.4708, 0.4343, 0.3930),
            *(0.3652, 0.3416, 0.3161, 0.3068, 0.2890, 0.2727, 0.2601, 0.2500, 0.2415, 0.2366),
        ),
        "val_loss": (
            *(1.0522, 0.8596, 0.8224, 0.7913, 0.7604, 0.7411, 0.7420, 0.7537, 0.7577, 0.8362),
            *(0.8195, 0.8504, 0.8790, 0.8802, 0.9055, 0.9306, 0.9775, 1.0439, 1.0512, 0.9610),
        ),
    }
}


def draw(subject: Subject) -> Drawing:
    """Draw loss and accuracy by epoch, and the accuracy by alignment if the images have digits."""
    history, best, metric = subject.run.history, subject.run.best_epoch, subject.run.job.metric
    lowest = min(history["val_loss"], key=lambda point: point[1])[0]
    shares, title = _ACCURACY, "Accuracy"
    if metric != ACCURACY:
        look = {"label": f"validation, {subject.judged_by}", "color": VALIDATION, "linestyle": "-."}
        shares, title = {**_ACCURACY, subject.run.job.figure: look}, "Accuracy and score"
    parts = {"Loss": _LOSS, title: shares, "Validation accuracy by alignment": _SHORTCUT}
    parts = {title: lines for title, lines in parts.items() if lines.keys() & history.keys()}
    figure = Figure(figsize=(3.15 * len(parts), 3.9), layout="constrained")
    panels = figure.subplots(1, len(parts))
    for axes, (title, lines) in zip(panels, parts.items(), strict=True):
        _plot(axes, history, lines)
        axes.set(title=title, xlabel="epoch", ylabel="share of images")
    panels[0].set_ylabel("cross-entropy (nats)")
    published = _plot_published(panels[0], subject.run.setting.architecture)
    marks = [
        (lowest, "lowest validation loss"),
        *[(best, f"best {subject.judged_by}")] * (len(parts) - 1),
    ]
    for axes, (epoch, what) in zip(panels, marks, strict=True):
        axes.axvline(epoch, color=MARK, linestyle=":", label=f"{what}: epoch {epoch}")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17))
    shown = (*_LOSS, *shares, *_SHORTCUT)
    numbers = {name: history[name] for name in shown if name in history}
    epochs = {"best_epoch": best, "least_val_loss_epoch": lowest, "published": published}
    return Drawing(figure, {**numbers, **epochs}, _caption(subject, lowest, bool(published)))


def _plot(axes: Axes, history: History, lines: Lines) -> None:
    for name, look in lines.items():
        if name in history:
            epochs, values = zip(*history[name], strict=True)
            axes.plot(epochs, values, marker="o", markersize=3, **look)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid()


def _plot_published(axes: Axes, architecture: str) -> dict[str, list[float]]:
    """Draw the source's own losses as crosses, if it publishes them."""
    losses = _PUBLISHED.get(architecture, {})
    for name, values in losses.items():
        look = _LOSS[name] | {"label": f"source, {_LOSS[name]['label']}"}
        axes.plot(range(1, len(values) + 1), values, "x", markersize=4, **look)
    return {name: list(values) for name, values in losses.items()}


def _caption(subject: Subject, lowest: int, published: bool) -> Caption:
    crosses = (
        " Crosses are the losses that the source publishes for its training." if published else ""
    )
    return Caption(
        f"Loss and accuracy after every epoch. Validation {subject.judged_by} is best in epoch "
        f"{subject.run.best_epoch}; validation loss is lowest in epoch {lowest}.{crosses}",
        "The values were recorded during training. Training values are averages over the augmented "
        "batches of the epoch, while the weights change. Validation values are measured at the end "
        "of the epoch, in eval mode. The analysis uses the weights of the best epoch.",
        "The best epoch was chosen on these validation images, so its values are slightly "
        "optimistic. A gap between the curves is not overfitting alone: augmentation and smoothing "
        "widen it or turn it around.",
    )

"""Loss and accuracy by epoch, with the best epoch and the least validation loss marked."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import Drawing
from analysis.record import History
from analysis.subject import Subject

_SHORTCUT = {"val_accuracy_aligned": "aligned", "val_accuracy_conflicting": "conflicting"}


def draw(subject: Subject) -> Drawing:
    """Training figures are of augmented batches in passing; validation's follow each."""
    history, best = subject.run.history, subject.run.best_epoch
    least = min(history["val_loss"], key=lambda point: point[1])[0]
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    _plot(loss, history, {"train_loss": "training", "val_loss": "validation"})
    loss.axvline(least, color="0.4", linestyle=":", label=f"least validation loss: epoch {least}")
    loss.set(title="Loss", xlabel="epoch", ylabel="cross-entropy (nats)")
    _plot(accuracy, history, {"train_accuracy": "training", "val_accuracy": "validation"})
    _plot(accuracy, history, _SHORTCUT, linestyle="--", linewidth=1)
    accuracy.axvline(best, color="0.4", linestyle=":", label=f"best: epoch {best}")
    accuracy.set(title="Accuracy", xlabel="epoch", ylabel="share of images", ylim=(0, 1))
    for axes in (loss, accuracy):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    shown = ("train_loss", "val_loss", "train_accuracy", "val_accuracy", *_SHORTCUT)
    numbers = {name: history[name] for name in shown if name in history}
    return Drawing(figure, {**numbers, "best_epoch": best, "least_val_loss_epoch": least})


def _plot(
    axes: Axes,
    history: History,
    names: dict[str, str],
    linestyle: str = "-",
    linewidth: float = 1.8,
) -> None:
    for name, label in names.items():
        if name in history:
            epochs, values = zip(*history[name], strict=True)
            (line,) = axes.plot(epochs, values, marker="o", markersize=3, label=label)
            line.set(linestyle=linestyle, linewidth=linewidth)

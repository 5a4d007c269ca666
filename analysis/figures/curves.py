"""Loss and accuracy by epoch, with the best epoch and the least validation loss marked."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import Caption, Drawing
from analysis.subject import Subject
from search.records.parsing import History

GROUP = "training"
_SHORTCUT = {"val_accuracy_aligned": "aligned", "val_accuracy_conflicting": "conflicting"}
_CLEAN = {"train_accuracy_clean": "training, unmixed"}
# What the sources print of their own trainings, by architecture: loss by epoch, from epoch 1.
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
    """Training figures are of augmented batches in passing; validation's follow each."""
    history, best = subject.run.history, subject.run.best_epoch
    lowest = min(history["val_loss"], key=lambda point: point[1])[0]
    figure = Figure(figsize=(10, 4), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    _plot(loss, history, {"train_loss": "training", "val_loss": "validation"})
    published = _plot_published(loss, subject.run.setting.architecture)
    loss.axvline(lowest, color="0.4", linestyle=":", label=f"least validation loss: epoch {lowest}")
    loss.set(title="Loss", xlabel="epoch", ylabel="cross-entropy (nats)")
    _plot(accuracy, history, {"train_accuracy": "training", "val_accuracy": "validation"})
    _plot(accuracy, history, _CLEAN | _SHORTCUT, linestyle="--", linewidth=1)
    accuracy.axvline(best, color="0.4", linestyle=":", label=f"best: epoch {best}")
    accuracy.set(title="Accuracy", xlabel="epoch", ylabel="share of images", ylim=(0, 1))
    for axes in (loss, accuracy):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    shown = ("train_loss", "val_loss", "train_accuracy", "val_accuracy", *_CLEAN, *_SHORTCUT)
    numbers = {name: history[name] for name in shown if name in history}
    marks = {"best_epoch": best, "least_val_loss_epoch": lowest, "published": published}
    return Drawing(figure, {**numbers, **marks}, _caption(best, lowest, bool(published)))


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


def _plot_published(axes: Axes, architecture: str) -> dict[str, list[float]]:
    """The source's own losses as points, where it prints them."""
    losses = _PUBLISHED.get(architecture, {})
    for (name, values), colour in zip(losses.items(), ("C0", "C1"), strict=False):
        label = {"train_loss": "source, training", "val_loss": "source, validation"}[name]
        axes.plot(range(1, len(values) + 1), values, "x", color=colour, markersize=4, label=label)
    return {name: list(values) for name, values in losses.items()}


def _caption(best: int, lowest: int, published: bool) -> Caption:
    crosses = (
        " Crosses: the losses that the source prints of its own training." if published else ""
    )
    return Caption(
        f"Loss and accuracy after every epoch: validation is most accurate in epoch {best}, its "
        f"loss is least in epoch {lowest}.{crosses}",
        "As recorded while it was trained. Training figures are averages over the augmented "
        "batches of the epoch, in passing; validation's are of the weights at its end, in eval "
        "mode. The analysed weights are those of the best epoch.",
        "The best epoch was chosen on these validation images, so its accuracy is a little lucky. "
        "A gap between the curves is not overfitting alone: augmentation and smoothing widen it "
        "or turn it around.",
    )

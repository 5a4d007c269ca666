"""The learning rate by epoch."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures import Caption, Drawing
from analysis.look import MARK, PLAIN
from analysis.subject import Subject

GROUP = "training"


def draw(subject: Subject) -> Drawing:
    """Draw the recorded learning rate at the start of every epoch."""
    points = subject.run.history["lr"]
    recipe = subject.run.setting.recipe
    epochs, rates = zip(*points, strict=True)
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot(epochs, rates, marker="o", markersize=3, color=PLAIN)
    best = subject.run.best_epoch
    axes.axvline(best, color=MARK, linestyle=":")
    axes.set_title(f"dotted: the best epoch, {best}")
    axes.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid()
    caption = Caption(
        f"The learning rate of {recipe.optimizer} with schedule {recipe.schedule}.",
        "It was recorded at the start of every epoch; between these it changes with every step.",
        "It does not show the size of the steps: adaptive optimizers also scale them by gradient.",
    )
    numbers = {"lr": points, "schedule": recipe.schedule, "optimizer": recipe.optimizer}
    return Drawing(figure, numbers, caption)

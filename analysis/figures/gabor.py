"""How well Gabor functions fit the first layer's filters, compared with random filters."""

import numpy as np
from matplotlib.figure import Figure

from analysis.class_names import shortened
from analysis.figures import Caption, Drawing, NotApplicableError
from analysis.gabor import fit
from analysis.subject import Subject

GROUP = "filters"
MIN_SIDE, MAX_FILTERS = 5, 64


def draw(subject: Subject) -> Drawing:
    """Draw the sorted R² of every filter, and of the same number of random filters."""
    layer = subject.layers[0]
    height, side = layer.convolution.kernel_size
    if height != side:
        raise NotApplicableError(f"the first layer's filters, {height}x{side}, are not square")
    if side < MIN_SIDE:
        raise NotApplicableError(
            f"the first layer's filters are {side}x{side}: a Gabor function has about as many "
            "parameters and fits anything that small"
        )
    weights = layer.convolution.weight.detach().double().cpu().numpy()[:MAX_FILTERS].mean(axis=1)
    noise = np.random.default_rng(0).normal(size=weights.shape)
    learned, random = (np.sort([fit(kernel) for kernel in many])[::-1] for many in (weights, noise))
    beaten = float(np.mean(learned > np.quantile(random, 0.95)))
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(learned, "o-", markersize=4, label=f"learned, median {np.median(learned):.2f}")
    axes.plot(random, "s--", color="0.5", markersize=3, label=f"random, {np.median(random):.2f}")
    axes.set(xlabel="filter, best fit first", ylabel="R² of the best Gabor fit", ylim=(0, 1.02))
    count = int((learned > np.quantile(random, 0.95)).sum())
    axes.set_title(
        f"First layer ({shortened(layer.name)}): {count} of {len(learned)} filters fit a Gabor\n"
        "function better than 95% of the random filters do",
        fontsize=11,
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    numbers = {
        "layer": layer.name,
        "r2": learned.tolist(),
        "r2_of_random_filters": random.tolist(),
        "share_above_95_percent_of_random": beaten,
    }
    return Drawing(figure, numbers, _caption(side))


def _caption(side: int) -> Caption:
    return Caption(
        "How much of each filter of the first layer the best Gabor function explains (a wave times "
        "a Gaussian: an edge detector), and the same for random filters.",
        f"Each filter, {side}x{side}, is averaged over its input channels and fitted by least "
        "squares from a grid of starting points. The random filters have a fixed seed.",
        "A Gabor function has nine parameters, so it explains much of any small filter: only a "
        "better fit than the random filters' is evidence. Colour is averaged out.",
    )

"""Table of the layers: kind, output shape and parameters."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.table import Table
from matplotlib.transforms import Bbox
from torch import Tensor, nn

from analysis.class_names import shortened
from analysis.figures import Caption, Drawing
from analysis.layers import calls_of
from analysis.look import TEXT
from analysis.subject import Subject

GROUP = "training"
MAX_ROWS = 80  # layers; if there are more, only the first and the last are drawn
COLUMNS = ("layer", "kind", "output", "parameters")
LONGEST = (30, 44, 20, 14)  # most characters in each column; longer text loses its middle
LETTER = 0.074  # inches of a character, with some room


def draw(subject: Subject) -> Drawing:
    """Draw a row for every layer, in the order in which they are called, and the sum."""
    calls = calls_of(subject.model, subject.inputs())
    rows = [
        (call.name, _kind(call.module), _shape(call.output), _count(call.module)) for call in calls
    ]
    total = sum(parameter.numel() for parameter in subject.model.parameters())
    text = [[name, kind, shape, f"{count:,}" if count else ""] for name, kind, shape, count in rows]
    if len(text) > MAX_ROWS:
        between = f"{len(text) - MAX_ROWS} more"
        text[MAX_ROWS // 2 : -MAX_ROWS // 2] = [["…", between, "", ""]]
    figure = _table([list(COLUMNS), *text, ["all", "", "", f"{total:,}"]])
    layers = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    return Drawing(figure, {"total": total, "layers": layers}, _caption(subject, total))


def _table(text: list[list[str]]) -> Figure:
    """Draw rows of text, the first and the last bold, in columns as wide as their text."""
    rows = [[shortened(*cell) for cell in zip(row, LONGEST, strict=True)] for row in text]
    letters = [max(map(len, column)) + 3 for column in zip(*rows, strict=True)]
    figure = Figure(figsize=(LETTER * sum(letters), 0.21 * len(rows)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    widths = [count / sum(letters) for count in letters]
    table = axes.table(rows, colWidths=widths, cellLoc="left", bbox=Bbox.unit())
    table.auto_set_font_size(False)
    table.set_fontsize(TEXT)
    _stripe(table, len(rows))
    return figure


def _stripe(table: Table, rows: int) -> None:
    for (row, column), cell in table.get_celld().items():
        cell.set(linewidth=0, facecolor="0.94" if row % 2 == 0 else "white")
        cell.PAD = 0.03
        cell.set_text_props(
            weight="bold" if row in (0, rows - 1) else "normal",
            ha="right" if column == len(COLUMNS) - 1 else "left",
        )


def _kind(module: nn.Module) -> str:
    """The class of a layer, with the numbers that define its shape."""
    if isinstance(module, nn.Conv2d):
        kernel, stride = _size(module.kernel_size), module.stride[0]
        step = f", stride {stride}" if stride != 1 else ""
        return f"Conv2d {kernel}, {module.in_channels} to {module.out_channels}{step}"
    if isinstance(module, nn.Linear):
        return f"Linear {module.in_features} to {module.out_features}"
    name = type(module).__name__
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        return f"{name} {_size(module.kernel_size)}, stride {_size(module.stride)}"
    if isinstance(module, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        return f"{name} to {_size(module.output_size)}"
    if isinstance(module, nn.Dropout | nn.Dropout2d):
        return f"{name} {module.p:.3g}"
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return f"{name} of {module.num_features}"
    return name


def _size(side: Any) -> str:
    """Height x width, from a pair or from one number for both."""
    height, width = side if isinstance(side, tuple) else (side, side)
    return f"{height}x{width}"


def _shape(output: Any) -> str:
    """The output's shape; empty if a layer, such as a recurrent one, returns more than a tensor."""
    return " x ".join(map(str, output.shape[1:])) if isinstance(output, Tensor) else ""


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _caption(subject: Subject, total: int) -> Caption:
    return Caption(
        f"The layers of {subject.run.setting.architecture} in the order in which they are called, "
        f"and their {total:,} trainable parameters.",
        f"The shapes are those for an image of {subject.dataset.image_words} pixels.",
        "Parameters do not measure computing time: a convolution uses its own once per pixel.",
    )

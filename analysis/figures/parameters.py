"""Table of the layers: kind, output shape and parameters."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from torch import Tensor, nn

from analysis.figures import Caption, Drawing
from analysis.layers import calls_of
from analysis.subject import Subject

GROUP = "training"
MAX_ROWS = 80  # layers; of more, the first and the last are drawn
COLUMNS = ("layer", "kind", "output", "parameters")


def draw(subject: Subject) -> Drawing:
    """A row for every layer that is called, in the order of the calls, and the sum."""
    calls = calls_of(subject.model, subject.inputs())
    rows = [
        (call.name, _kind(call.module), _shape(call.output), _count(call.module)) for call in calls
    ]
    total = sum(parameter.numel() for parameter in subject.model.parameters())
    text = [[name, kind, shape, f"{count:,}" if count else ""] for name, kind, shape, count in rows]
    if len(text) > MAX_ROWS:
        between = f"{len(text) - MAX_ROWS} more"
        text[MAX_ROWS // 2 : -MAX_ROWS // 2] = [["…", between, "", ""]]
    figure = Figure(figsize=(8, 0.6 + 0.21 * (len(text) + 2)), layout="constrained")
    axes = figure.subplots()
    axes.axis("off")
    table = axes.table(
        [*text, ["all", "", "", f"{total:,}"]],
        colLabels=COLUMNS,
        colWidths=(0.3, 0.4, 0.16, 0.14),
        cellLoc="left",
        loc="center",
        bbox=Bbox.unit(),
    )
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    for (row, _), cell in table.get_celld().items():
        cell.set(linewidth=0, facecolor="0.94" if row % 2 == 0 else "white")
        if row in (0, len(text) + 1):
            cell.set_text_props(weight="bold")
    layers = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    return Drawing(figure, {"total": total, "layers": layers}, _caption(subject, total))


def _kind(module: nn.Module) -> str:
    """The class with what decides its shape, as torch prints it, shortened."""
    if isinstance(module, nn.Conv2d):
        kernel, stride = module.kernel_size[0], module.stride[0]
        step = f", stride {stride}" if stride != 1 else ""
        return f"Conv2d {kernel}x{kernel}, {module.in_channels} to {module.out_channels}{step}"
    if isinstance(module, nn.Linear):
        return f"Linear {module.in_features} to {module.out_features}"
    return str(module)[:48]


def _shape(output: Any) -> str:
    """Empty where a layer, such as a recurrent one, returns more than a tensor."""
    return " x ".join(map(str, output.shape[1:])) if isinstance(output, Tensor) else ""


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _caption(subject: Subject, total: int) -> Caption:
    size = subject.dataset.image_size
    return Caption(
        f"The layers of {subject.run.setting.architecture} in the order in which they are called, "
        f"and their {total:,} trainable parameters.",
        f"Read off the network while it was given one image of {size}x{size} pixels.",
        "Parameters are not computing time: a convolution's are used once a pixel.",
    )

"""Checks for builders of networks: an impossible network is refused, and its layer is named."""

from trainables.boundary.errors import UsageError

ImageShape = tuple[int, int, int]  # height, width, and channels: 3, or 1 of grey images


class TooSmallError(UsageError):
    """A layer gets fewer pixels than its kernel has."""


def in_words(shape: ImageShape) -> str:
    """Height x width, and ``grey`` for one channel, such as ``48x64 grey``."""
    height, width, channels = shape
    return f"{height}x{width}" + (" grey" if channels == 1 else "")


def side(layer: str, size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Side, in pixels, of a convolution's or pool's output for a square of ``size``."""
    return sides(layer, (size, size), kernel, stride, padding)[0]


def sides(
    layer: str, size: tuple[int, int], kernel: int, stride: int = 1, padding: int = 0
) -> tuple[int, int]:
    """Height and width, in pixels, of a convolution's or pool's output.

    Args:
        layer: architecture and layer, such as ``"nin: conv1_1"``.
        size: height and width of the input, in pixels.
        kernel: side of the kernel, 1 or more.
        stride: stride of the layer, 1 or more.
        padding: padding of the layer, 0 or more.

    Raises:
        TooSmallError: the kernel is larger than the padded image.
    """
    height, width = size
    if min(size) + 2 * padding < kernel:
        raise TooSmallError(
            f"{layer} gets {height}x{width} pixels, too few for its {kernel}x{kernel} kernel; "
            "use larger images, or a smaller kernel or stride"
        )
    down, across = ((pixels + 2 * padding - kernel) // stride + 1 for pixels in size)
    return down, across


def scaled(layer: str, channels: int, width: float) -> int:
    """``channels`` times ``width``, rounded.

    Raises:
        UsageError: ``width`` leaves no channels, or is above 16.
    """
    if not 0 < width <= 16 or round(channels * width) < 1:
        raise UsageError(
            f"{layer} would get {channels} x {width} channels; width must be above 0, at most 16, "
            "and leave at least one channel"
        )
    return round(channels * width)


def check_share(what: str, value: float) -> None:
    """Raise UsageError unless a dropout probability is in [0, 1)."""
    if not 0 <= value < 1:
        raise UsageError(f"{what} must be in [0, 1), not {value!r}")


def check_whole(what: str, value: int, low: int, high: int) -> None:
    """Raise UsageError unless ``value`` is in [low, high]."""
    if not low <= value <= high:
        raise UsageError(f"{what} must be at least {low} and at most {high}, not {value!r}")

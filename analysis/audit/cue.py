"""The name and the place of the shortcut that images show."""

from dataclasses import dataclass

from torch import Tensor

from trainables.data.composite import CANVAS, PICTURE

Region = tuple[int, int, int, int]


@dataclass(frozen=True)
class Cue:
    """A shortcut as the audit sees it.

    Attributes:
        noun: its name in texts: ``digit``, the name of its column or function, or ``shortcut``.
        region: top, left, bottom and right of the rectangle that shows it, in pixels; bottom and
            right are exclusive. None if unknown: then it can be neither swapped nor greyed.
        picture: the picture's rectangle; None stands for everything outside of ``region``.
        kinds: the number of its kinds, one for each class.
    """

    noun: str
    region: Region | None
    picture: Region | None
    kinds: int

    @property
    def composite(self) -> bool:
        """True for the digits of composite images, which have reference figures."""
        return self == DIGIT

    def area(self, shape: tuple[int, ...]) -> float:
        """The region's share of an image of ``shape`` (height, width, ...); 0 if unknown."""
        if self.region is None:
            return 0.0
        top, left, bottom, right = self.region
        return (bottom - top) * (right - left) / (shape[0] * shape[1])


def shares_inside(strengths: Tensor, region: Region) -> list[float | None]:
    """Share of each map's strength, (N, H, W), inside ``region``; None for a map that is 0."""
    top, left, bottom, right = region
    strengths = strengths.double()
    inside = strengths[:, top:bottom, left:right].sum(dim=(1, 2)).tolist()
    whole = strengths.sum(dim=(1, 2)).tolist()
    return [part / total if total > 0 else None for part, total in zip(inside, whole, strict=True)]


DIGIT = Cue("digit", (PICTURE, PICTURE, CANVAS, CANVAS), (0, 0, PICTURE, PICTURE), 10)
NO_REGION = "its place in the image is unknown; the space can give it as shortcut.region"

"""What is known of the shortcut that images show: what it is called and where it lies."""

from dataclasses import dataclass

from torch import Tensor

from trainables.data.composite import CANVAS, PICTURE

Region = tuple[int, int, int, int]


@dataclass(frozen=True)
class Cue:
    """A shortcut as the audit sees it.

    Attributes:
        noun: what texts call it: ``digit``, the name of its column or function, or ``shortcut``.
        region: top, left, bottom and right of the square that shows it, in pixels, the last two the
            first outside; None if it is not known, and then it can be neither swapped nor greyed.
        picture: likewise of the picture; None for all that is outside of ``region``.
        kinds: how many there are, as many as classes: each points to one.
    """

    noun: str
    region: Region | None
    picture: Region | None
    kinds: int

    @property
    def composite(self) -> bool:
        """True for the digits of composite images, of which reference figures are known."""
        return self == DIGIT

    def area(self, shape: tuple[int, ...]) -> float:
        """The region's share of images of this height and width, and more; 0 if unknown."""
        if self.region is None:
            return 0.0
        top, left, bottom, right = self.region
        return (bottom - top) * (right - left) / (shape[0] * shape[1])


def shares_inside(strengths: Tensor, region: Region) -> list[float | None]:
    """Share of each map's strength, (N, H, W), that lies inside ``region``; None if it has none."""
    top, left, bottom, right = region
    strengths = strengths.double()
    inside = strengths[:, top:bottom, left:right].sum(dim=(1, 2)).tolist()
    whole = strengths.sum(dim=(1, 2)).tolist()
    return [part / total if total > 0 else None for part, total in zip(inside, whole, strict=True)]


DIGIT = Cue("digit", (PICTURE, PICTURE, CANVAS, CANVAS), (0, 0, PICTURE, PICTURE), 10)
NO_REGION = "where it lies is not told, for which the space has shortcut.region"

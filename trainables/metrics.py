"""A figure of an epoch, declared where it is made: what is not declared is not recorded."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A figure that is recorded after every epoch that has it.

    Attributes:
        name: of its column in every record.
        meaning: what it is, and in which unit where that is not a share.
    """

    name: str
    meaning: str

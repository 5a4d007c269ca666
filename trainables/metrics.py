"""Metrics of an epoch. The module that computes a metric declares it; only these are recorded."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A metric that is recorded after every epoch that has it.

    Attributes:
        name: name of its column in every record.
        meaning: its meaning, and its unit unless it is a share.
    """

    name: str
    meaning: str

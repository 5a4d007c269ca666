"""Write the statistics as plain text, at most 100 columns wide."""

from collections.abc import Sequence

from benchmarks.searchers.clock import MARKS
from benchmarks.searchers.figures import Difference, Standing

NAME = 32


def described(standings: Sequence[Standing], tables: int, against: str) -> str:
    """A table of the regrets, and one of the differences to the method ``against``."""
    marks = "".join(f"{f'{mark:.0%}':>6}" for mark in MARKS)
    lines = [f"{'regret x 1000':{NAME}}{marks}{'rank':>7}{'trainings':>11}{'ms each':>9}"]
    lines += [_regrets(each) for each in standings]
    if compared := [_compared(each, tables) for each in standings if each.area and each.final]:
        head = f"{'mean of the marks':>20}{'other tables':>16}{'better on':>11}{'at the end':>20}"
        lines += ["", f"{f'less {against}'[:NAME]:{NAME}}{head}", *compared]
    return "\n".join(lines)


def _regrets(standing: Standing) -> str:
    regrets = "".join(f"{regret:6.0f}" for regret in standing.regrets)
    cost = f"{standing.rank:7.1f}{standing.leases:11.0f}{standing.milliseconds:9.1f}"
    return f"{standing.method[:NAME]:{NAME}}{regrets}{cost}"


def _compared(standing: Standing, tables: int) -> str:
    area, final = standing.area, standing.final
    assert area and final
    better = f"{area.better} of {tables}"
    figures = f"{_mean(area)}{_interval(area.tables):>16}{better:>11}{_mean(final)}"
    return f"{standing.method[:NAME]:{NAME}}{figures}"


def _mean(difference: Difference) -> str:
    return f"{difference.mean:+5.0f}{_interval(difference.runs):>15}"


def _interval(ends: tuple[float, float]) -> str:
    return f"[{ends[0]:+.0f}, {ends[1]:+.0f}]"

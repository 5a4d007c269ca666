"""The figures as plain text, at most 100 columns wide."""

from collections.abc import Sequence

from benchmarks.searchers.clock import MARKS
from benchmarks.searchers.figures import Difference, Standing

NAME = 34


def described(title: str, standings: Sequence[Standing], tables: int, against: str) -> str:
    """Two tables: the regrets, and the differences to the method ``against``."""
    marks = "".join(f"{f'{mark:.0%}':>6}" for mark in MARKS)
    lines = [title, f"{'regret x 1000':{NAME}}{marks}{'rank':>7}{'trainings':>11}{'ms each':>9}"]
    for each in standings:
        regrets = "".join(f"{regret:6.0f}" for regret in each.regrets)
        cost = f"{each.rank:7.1f}{each.leases:11.0f}{each.milliseconds:9.1f}"
        lines.append(f"{each.method[:NAME]:{NAME}}{regrets}{cost}")
    if len(standings) > 1:
        head = f"{'mean of the marks':>29}{'better on':>11}{'at the end':>22}"
        lines += ["", f"{f'less {against}':{NAME}}{head}"]
        lines += [_compared(each, tables) for each in standings if each.area and each.final]
    return "\n".join(lines)


def _compared(standing: Standing, tables: int) -> str:
    area, final = standing.area, standing.final
    assert area and final
    better = f"{area.better} of {tables}"
    return f"{standing.method[:NAME]:{NAME}}{_interval(area)}{better:>11}{_interval(final)}"


def _interval(difference: Difference) -> str:
    low, high = difference.runs
    return f"{difference.mean:+6.0f} {f'[{low:+.0f}, {high:+.0f}]':>14}"

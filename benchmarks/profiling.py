"""Where a step of Convoy's training spends its time."""

import os
from dataclasses import dataclass

from torch.profiler import ProfilerActivity
from torch.profiler import profile as torch_profile

from benchmarks.ways import Case, convoy_epochs

STEPS = 20
SHOWN = 15


@dataclass(frozen=True)
class Operator:
    """An operator's part of a step.

    Attributes:
        name: as torch names it.
        calls: a step.
        milliseconds: a step, without the operators that it calls.
        share: of the whole step, in [0, 1].
    """

    name: str
    calls: float
    milliseconds: float
    share: float


def profile(case: Case) -> list[Operator]:
    """All operators of Convoy's steps, the costliest first; on a GPU by the GPU's time.

    The profiler itself makes small operators look costlier than they are.
    """
    epochs = convoy_epochs(case, STEPS * case.recipe.batch_size)
    next(epochs)
    cuda = case.device.type == "cuda"
    os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # its notes on a machine without a GPU
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with torch_profile(activities=activities) as profiled:
        next(epochs)
    spent = "self_device_time_total" if cuda else "self_cpu_time_total"
    events = [(event, float(getattr(event, spent))) for event in profiled.key_averages()]
    whole = sum(microseconds for _, microseconds in events)
    return [
        Operator(event.key, event.count / STEPS, us / 1000 / STEPS, us / whole)
        for event, us in sorted(events, key=lambda pair: pair[1], reverse=True)
    ]


def table(case: Case, operators: list[Operator]) -> str:
    """The costliest operators as text."""
    whole = sum(operator.milliseconds for operator in operators)
    title = f"{case.architecture}: {whole:.1f} ms a step of {case.recipe.batch_size} images"
    rows = [
        f"  {each.name[:48]:48}{each.calls:8.1f} calls{each.milliseconds:9.2f} ms{each.share:8.1%}"
        for each in operators[:SHOWN]
    ]
    return "\n".join([title, *rows, ""])

"""The finals of a search: its best settings, trained again from scratch with fresh seeds."""

from collections.abc import Iterator

from search.selection.choice import repeated
from search.selection.rule import Rule
from search.space.budget import Budget
from search.trials.board import TrialBoard
from search.trials.spec import Job, TrialSpec


def finals(board: TrialBoard, rule: Rule, job: Job, budget: Budget) -> Iterator[TrialSpec]:
    """The finals of the trials on ``board``, a seed of all finalists after the other.

    Their numbers and seeds follow on the trials': no trial was trained with one of them. All
    finalists have the same seeds, so that none is drawn a better one.
    """
    chosen = repeated(board, rule, budget.finalists)
    for seed in range(budget.finalist_seeds):
        for place, record in enumerate(chosen):
            number = budget.trials + seed * len(chosen) + place
            label = f"finalist-{place + 1}-seed-{seed + 1}"
            stream = budget.trials + seed
            yield TrialSpec(job, number, record.values, label, stream, record.number)

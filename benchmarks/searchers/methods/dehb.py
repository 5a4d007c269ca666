"""DEHB: differential evolution with Hyperband, for trainings of several epochs alone.

It evaluates no individual before it has changed it, and so has no means to try settings that are
given. Its first ones here take the place of the first that it would try, in its record too.
"""

from tempfile import TemporaryDirectory
from typing import Any

from dehb import DEHB
from loguru import logger

from benchmarks.searchers.budgets import BudgetSearch, Job
from benchmarks.searchers.configuration import configuration, space
from benchmarks.searchers.method import Method, Task
from benchmarks.searchers.places import setting


class DehbSearch(BudgetSearch):
    """DEHB with its defaults: budgets by factor 3 from one epoch on."""

    def __init__(self, task: Task, seed: int) -> None:
        super().__init__(task)
        self._folder = TemporaryDirectory()  # for its log
        self._space = space(task.domains, seed)
        self._dehb = DEHB(
            cs=self._space,
            min_fidelity=1,
            max_fidelity=task.epochs,
            n_workers=1,
            seed=seed,
            save_freq="end",
            output_path=self._folder.name,
        )
        logger.remove()  # it prints
        self._first = list(task.first)
        self._known: set[int] = set()

    def ask(self) -> Job:
        """The next individual and fidelity."""
        job = self._dehb.ask()
        if job["config_id"] not in self._known and self._first:
            self._replace(job, configuration(self._space, self.task.domains, self._first.pop(0)))
        self._known.add(job["config_id"])
        values = setting(self.task.domains, dict(job["config"]))
        return Job(job["config_id"], values, job["fidelity"], job)

    def _replace(self, job: dict[str, Any], first: Any) -> None:
        """Let a new individual be ``first``, as DEHB does it when it resumes."""
        job["config"] = first
        record = self._dehb.config_repository.configs[job["config_id"]]
        record.config = self._dehb.configspace_to_vector(first)

    def tell(self, job: Job, loss: float, diverged: bool) -> None:
        """Let the individual take its parent's place if it is better."""
        self._dehb.tell(job.handle, {"fitness": loss, "cost": job.budget})


def create(task: Task, seed: int, trials: int) -> Method:
    """DEHB's search of a task."""
    return DehbSearch(task, seed)


CURVES = {"dehb": create}

"""DEHB: differential evolution with Hyperband, only for trainings of several epochs.

It changes every individual before it evaluates it, and so cannot try given settings. Here the first
settings replace the first ones that it would try, also in its record.
"""

from tempfile import TemporaryDirectory

from dehb import DEHB
from loguru import logger

from benchmarks.searchers.budgets import BudgetedSetting, BudgetSearch
from benchmarks.searchers.configuration import configuration, space
from benchmarks.searchers.method import Method, Task
from benchmarks.searchers.places import setting
from trainables.recipe import Value


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
        self._values: dict[int, dict[str, Value]] = {}  # by DEHB's number of the setting

    def ask(self) -> BudgetedSetting:
        """The next individual and fidelity."""
        job = self._dehb.ask()
        number = job["config_id"]
        if number not in self._values:
            self._values[number] = (
                self._replace(number) if self._first else setting(self.task.domains, job["config"])
            )
        return BudgetedSetting(number, self._values[number], job["fidelity"], job)

    def _replace(self, number: int) -> dict[str, Value]:
        """Replace a new individual by the next first setting, as DEHB does when it resumes."""
        first = self._first.pop(0)
        vector = self._dehb.configspace_to_vector(configuration(self._space, self.task, first))
        self._dehb.config_repository.configs[number].config = vector
        return first

    def tell(self, done: BudgetedSetting, loss: float) -> None:
        """Let the individual replace its parent if it is better."""
        self._dehb.tell(done.handle, {"fitness": loss, "cost": done.budget})


def create(task: Task, seed: int, trials: int) -> Method:
    """DEHB's search of a task."""
    return DehbSearch(task, seed)


CURVES = {"dehb": create}

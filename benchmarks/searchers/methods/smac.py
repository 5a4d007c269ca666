"""SMAC3: Hyperband with its random forest; a table of final values gets the forest alone.

The first settings are its initial design, in place of the one that it would draw.
"""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from joblib import parallel_config
from smac import HyperparameterOptimizationFacade, MultiFidelityFacade, Scenario
from smac.runhistory import StatusType, TrialValue

from benchmarks.searchers.budgets import WORST, BudgetSearch, Job
from benchmarks.searchers.configuration import configuration, space
from benchmarks.searchers.method import Method, Task
from benchmarks.searchers.places import setting

LEAVES = 4096  # more than a search here has settings


class SmacSearch(BudgetSearch):
    """SMAC's facade for several budgets, or for one."""

    def __init__(self, task: Task, seed: int, trials: int) -> None:
        super().__init__(task)
        logging.getLogger("smac").setLevel(logging.ERROR)
        self._folder = TemporaryDirectory()  # SMAC makes one, whatever it writes
        one = task.epochs == 1
        searched = space(task.domains, seed)
        scenario = Scenario(
            searched,
            output_directory=Path(self._folder.name),
            deterministic=True,
            crash_cost=WORST,
            n_trials=trials * task.epochs,
            min_budget=None if one else 1,
            max_budget=None if one else task.epochs,
            seed=seed,
        )
        facade = HyperparameterOptimizationFacade if one else MultiFidelityFacade
        first = [configuration(searched, task.domains, values) for values in task.first]
        design = facade.get_initial_design(scenario, n_configs=0, additional_configs=first)
        model = facade.get_model(scenario)
        # scikit-learn makes room for all leaves that a tree may have: SMAC's 2**20 cost .8 s a forest.
        model._rf_opts["max_leaf_nodes"] = LEAVES
        self._smac = facade(scenario, model=model, initial_design=design, logging_level=False)

    def ask(self) -> Job | None:
        """The next configuration and budget."""
        try:
            with parallel_config("sequential"):  # threads by tree cost more than the trees
                info = self._smac.ask()
        except StopIteration:
            return None
        values = setting(self.task.domains, dict(info.config))
        return Job(info.config, values, info.budget or 1, info)

    def tell(self, job: Job, loss: float, diverged: bool) -> None:
        """Add the loss to SMAC's history."""
        status = StatusType.CRASHED if diverged else StatusType.SUCCESS
        self._smac.tell(job.handle, TrialValue(cost=loss, status=status), save=False)


def create(task: Task, seed: int, trials: int) -> Method:
    """SMAC's search of a task."""
    return SmacSearch(task, seed, trials)


METHODS = {"smac": create}

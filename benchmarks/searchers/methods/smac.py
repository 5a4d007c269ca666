"""SMAC3: Hyperband with its random forest; for tables of final values, the forest alone.

The first settings replace the initial design that it would draw. Its trees grow in one thread,
which takes less time than several. Its draws depend on the order of Python's sets: equal seeds draw
equal settings only with the same ``PYTHONHASHSEED``.
"""

import logging
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from joblib import parallel_config
from smac import HyperparameterOptimizationFacade, MultiFidelityFacade, Scenario
from smac.runhistory import TrialValue

from benchmarks.searchers.budgets import BudgetedSetting, BudgetSearch
from benchmarks.searchers.configuration import configuration, space
from benchmarks.searchers.method import Method, Task
from benchmarks.searchers.places import setting

LEAVES = 4096  # more than a search here has settings


class SmacSearch(BudgetSearch):
    """SMAC's facade for several budgets, or for one."""

    def __init__(self, task: Task, seed: int, trials: int) -> None:
        super().__init__(task)
        logging.getLogger("smac").setLevel(logging.ERROR)
        self._folder = TemporaryDirectory()  # SMAC always makes one
        one = task.epochs == 1
        searched = space(task.domains, seed)
        scenario = Scenario(
            searched,
            output_directory=Path(self._folder.name),
            deterministic=True,
            n_trials=trials * task.epochs,
            min_budget=None if one else 1,
            max_budget=None if one else task.epochs,
            seed=seed,
        )
        facade = HyperparameterOptimizationFacade if one else MultiFidelityFacade
        self._first = {configuration(searched, task, values): values for values in task.first}
        design = facade.get_initial_design(
            scenario, n_configs=0, additional_configs=list(self._first)
        )
        model = facade.get_model(scenario)
        # scikit-learn allocates all possible leaves of a tree: SMAC's 2**20 take .8 s.
        model._rf_opts["max_leaf_nodes"] = LEAVES
        self._smac = facade(scenario, model=model, initial_design=design, logging_level=False)

    def ask(self) -> BudgetedSetting | None:
        """The next configuration and budget."""
        try:
            with warnings.catch_warnings(action="ignore"), parallel_config("sequential"):
                info = self._smac.ask()
        except StopIteration:
            return None
        values = self._first.get(info.config) or setting(self.task.domains, info.config)
        return BudgetedSetting(info.config, values, info.budget or 1, info)

    def tell(self, done: BudgetedSetting, loss: float) -> None:
        """Add the loss to SMAC's history."""
        with warnings.catch_warnings(action="ignore"):
            self._smac.tell(done.handle, TrialValue(cost=loss), save=False)


def create(task: Task, seed: int, trials: int) -> Method:
    """SMAC's search of a task."""
    return SmacSearch(task, seed, trials)


METHODS = {"smac": create}
SLOW = ("smac",)

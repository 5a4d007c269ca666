"""An Optuna study that forgets trials which its sampler no longer needs."""

import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from search.proposals import samplers
from trainables.recipe import Value
from trainables.seeding import derive

# TPE takes 40 microseconds for each trial of its history to draw one of gap5's settings. From 250
# trials on it models the 25 best and, separately, all others. So the best 25 are kept, and a sample
# represents the others. The latest or the next best alone would cluster near the settings that are
# being tried, and drive the search away from them.
MAX_TRIALS, CARRIED, BEST = 450, 300, 25
_NEEDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.WAITING)


class BoundedStudy:
    """A study in which the next trial costs no more after 10,000 trials than after 450.

    When ``max_trials`` trials in it have ended, a new study replaces it. That one holds ``carried``
    finished trials: the ``best`` ones by TPE's own order, and a uniform sample of all others of the
    search. Running and waiting trials are carried over too, failed ones are not. Until then it is
    an ordinary study.

    A trial is identified by its number in the whole search. Its values follow from the seed, its
    position among the trials and earlier results, so that a search that is resumed after its driver
    died draws what it would have drawn.

    Args:
        seed: seed of the draws.
        startup: number of first trials that are drawn at random.
        points: values of the first trials, under Optuna's names; missing keys are drawn.
        max_trials: number of ended trials after which the study is replaced.
        carried: number of finished trials that are carried into the next study.
        best: how many of these are the best ones.
        sampler: name of a file in ``search/proposals/samplers``.
    """

    def __init__(
        self,
        seed: int,
        startup: int,
        points: list[dict[str, Value]],
        max_trials: int = MAX_TRIALS,
        carried: int = CARRIED,
        best: int = BEST,
        sampler: str = samplers.DEFAULT,
    ) -> None:
        self._seed, self._startup, self._sampler_name = seed, startup, sampler
        self._points, self._next, self._finished = points, 0, 0
        self._max_trials, self._carried, self._best = max_trials, carried, best
        self._issued: set[int] = set()
        self._reserved: set[int] = set()
        self._running: dict[int, int] = {}  # by trial number: its number in the study
        self._lots: dict[int, int] = {}  # by number in the study: the trial's random lot
        self._create([])

    def ask(self) -> tuple[int, optuna.Trial]:
        """A new trial and its number, the first one that is free."""
        while self._next in self._issued or self._next in self._reserved:
            self._next += 1
        place = self.place(self._next)
        point = self._points[place] if place < len(self._points) else {}
        return self._next, self.ask_for(self._next, point)

    def reserve(self, number: int) -> None:
        """Skip ``number``, which belongs to a final."""
        self._reserved.add(number)

    def place(self, number: int) -> int:
        """The number of trials before ``number``, without reserved ones."""
        return number - sum(other < number for other in self._reserved)

    def ask_for(self, number: int, point: dict[str, Value]) -> optuna.Trial:
        """The trial ``number`` at ``point``; missing keys are drawn."""
        if self._finished >= self._max_trials:
            self._replace()
        if point:
            self.study.enqueue_trial(point)
        place = self.place(number)
        self._sampler.begin(self._seed, place)
        trial = self.study.ask()
        self._issued.add(number)
        self._running[number] = trial.number
        self._lots[trial.number] = derive(self._seed, "lot", place)
        return trial

    def report(self, number: int, epoch: int, value: float) -> None:
        """Record a running trial's value after ``epoch``, unless it has one already."""
        trial_id = self._storage_id(number)
        if epoch not in self._storage.get_trial(trial_id).intermediate_values:
            self._storage.set_trial_intermediate_value(trial_id, epoch, value)

    def reported(self, number: int) -> dict[int, float]:
        """The values that a running trial has reported, by epoch."""
        return dict(self._storage.get_trial(self._storage_id(number)).intermediate_values)

    def constrain(self, number: int, excesses: dict[str, float]) -> None:
        """Record a running trial's distance beyond each constraint; 0 or less holds it."""
        trial = optuna.Trial(self.study, self._storage_id(number))
        for name, excess in excesses.items():
            trial.set_constraint(name, excess)

    def tell(self, number: int, state: TrialState, value: float | None = None) -> None:
        """End a running trial."""
        self.study.tell(self._running.pop(number), value, state=state)
        self._finished += 1

    def _create(self, trials: list[FrozenTrial]) -> None:
        self._storage = InMemoryStorage()
        # Each study gets a sampler of its own, whose caches belong to one study.
        self._sampler = samplers.create(self._sampler_name, self._seed, self._startup)
        self.study = optuna.create_study(
            storage=self._storage,
            sampler=self._sampler,
            pruner=optuna.pruners.NopPruner(),
            study_name="search",
            direction="maximize",
        )
        self.study.add_trials(trials)

    def _replace(self) -> None:
        carried = self._worth_keeping(self.study.get_trials(deepcopy=False))
        self._finished = sum(trial.state.is_finished() for trial in carried)
        place = {trial.number: index for index, trial in enumerate(carried)}
        self._create(carried)
        self._running = {number: place[old] for number, old in self._running.items()}
        self._lots = {place[old]: lot for old, lot in self._lots.items() if old in place}

    def _worth_keeping(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """The trials to carry into the next study, in their order.

        The trials with the lowest lots are a uniform sample of all trials so far.
        """
        needed = [trial for trial in trials if trial.state in _NEEDED]
        finished = [trial for trial in needed if trial.state.is_finished()]
        ranked = sorted(finished, key=_merit, reverse=True)
        best, rest = ranked[: self._best], ranked[self._best :]
        rest.sort(key=lambda trial: self._lots[trial.number])
        chosen = {trial.number for trial in best + rest[: self._carried - self._best]}
        return [t for t in needed if not t.state.is_finished() or t.number in chosen]

    def _storage_id(self, number: int) -> int:
        study = self._storage.get_study_id_from_name(self.study.study_name)
        return self._storage.get_trial_id_from_study_id_trial_number(study, self._running[number])


def _merit(trial: FrozenTrial) -> tuple[float, bool, float, float]:
    """A sort key in TPE's order, larger for better trials: no broken constraint, then a smaller
    violation; whole trials by their value, then others by epochs done and last value."""
    broken = -sum(excess for excess in trial.constraints.values() if excess > 0)
    if trial.state == TrialState.COMPLETE:
        return broken, True, 0.0, float(trial.value or 0.0)
    epoch, value = max(trial.intermediate_values.items())
    return broken, False, float(epoch), value

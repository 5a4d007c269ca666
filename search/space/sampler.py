"""A space as Optuna's define-by-run function."""

import optuna

from search.space.domain import Fixed, active_keys, contains, suggest
from search.space.space import Space
from trainables.recipe import Value


class SpaceSampler:
    """The space as Optuna's define-by-run function; an importable object, so that it pickles.

    Args:
        space: what to search.
        fixed: values that are not drawn.
        warm: settings of another search, to be tried right after the baseline.
    """

    def __init__(
        self,
        space: Space,
        fixed: dict[str, Value],
        warm: tuple[dict[str, Value], ...] = (),
    ) -> None:
        self._space, self._fixed, self._warm = space, fixed, warm

    def __call__(self, trial: optuna.Trial) -> dict[str, Value]:
        """Flat values for every key that exists in this trial."""
        return suggest(self._space.search, trial, self._fixed)

    def first_points(self) -> list[dict[str, Value]]:
        """The baseline, another search's settings, and the guesses, under Optuna's names.

        A fixed choice can bring keys that they lack, or ranges that do not hold their values;
        those are left to be drawn. None comes twice: an earlier search has often found one of them.
        """
        points = list[dict[str, Value]]()
        for point in map(self.point, (self._space.baseline, *self._warm, *self._space.guesses)):
            if not point or point not in points:
                points.append(point)
        return points

    def guessed(self) -> set[int]:
        """The places of the space's guesses among the first points."""
        guesses = [self.point(guess) for guess in self._space.guesses]
        points = enumerate(self.first_points())
        return {place for place, point in points if place > 0 and point in guesses}

    def point(self, written: dict[str, Value]) -> dict[str, Value]:
        """The values of a trial under Optuna's names, without what is fixed or no longer exists."""
        values = {**written, **self._fixed}
        return {
            name: values[key]
            for name, key, domain in active_keys(self._space.search, values)
            if key not in self._fixed
            and not isinstance(domain, Fixed)
            and key in values
            and contains(domain, values[key])
        }

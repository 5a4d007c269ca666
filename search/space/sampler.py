"""A space as Optuna's define-by-run function."""

import optuna

from search.space.domain import Fixed, active_keys, contains, suggest
from search.space.space import Space
from trainables.recipe import Value


class SpaceSampler:
    """The space as Optuna's define-by-run function; as an object of a class it can be pickled.

    Args:
        space: the space to search.
        fixed: values that are not drawn.
        warm: settings of another search, to try right after the baseline.
    """

    def __init__(
        self,
        space: Space,
        fixed: dict[str, Value],
        warm: tuple[dict[str, Value], ...] = (),
    ) -> None:
        self._space, self._fixed, self._warm = space, fixed, warm

    def __call__(self, trial: optuna.Trial) -> dict[str, Value]:
        """Draw a flat value for every key that exists in this trial."""
        return suggest(self._space.search, trial, self._fixed)

    def first_points(self) -> list[dict[str, Value]]:
        """The baseline, another search's settings, and the guesses, under Optuna's names.

        A fixed choice can bring keys that they lack, or ranges that do not allow their values;
        those are drawn. No point comes twice, as an earlier search often ends at one of the others.
        """
        points = list[dict[str, Value]]()
        for point in map(self.point, (self._space.baseline, *self._warm, *self._space.guesses)):
            if not point or point not in points:
                points.append(point)
        return points

    def guessed(self) -> set[int]:
        """The positions of the space's guesses among the first points."""
        guesses = [self.point(guess) for guess in self._space.guesses]
        points = enumerate(self.first_points())
        return {place for place, point in points if place > 0 and point in guesses}

    def point(self, written: dict[str, Value]) -> dict[str, Value]:
        """The values of a trial under Optuna's names, without fixed and no longer existing keys."""
        values = {**written, **self._fixed}
        return {
            name: values[key]
            for name, key, domain in active_keys(self._space.search, values)
            if key not in self._fixed
            and not isinstance(domain, Fixed)
            and key in values
            and contains(domain, values[key])
        }

"""A task's domains as a ConfigSpace, which SMAC and DEHB use."""

from typing import Any

from ConfigSpace import (
    Categorical,
    Configuration,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    Integer,
)

from benchmarks.searchers.method import Task
from benchmarks.searchers.places import DrawnKey, places, positions, words
from search.space.domain import Domains, Range
from trainables.recipe import Value


def space(domains: Domains, seed: int) -> ConfigurationSpace:
    """The space of all drawn keys; a nested key exists only under its option."""
    made = ConfigurationSpace(seed=seed)
    for place in places(domains):
        made.add(_key(place))
        if place.parent:
            made.add(EqualsCondition(made[place.name], made[place.parent], place.option))
    return made


def _key(place: DrawnKey) -> Any:
    domain = place.domain
    if not isinstance(domain, Range):
        return Categorical(place.name, words(domain))
    kind = Integer if domain.whole else Float
    return kind(place.name, (domain.low, domain.high), log=domain.log)


def configuration(space: ConfigurationSpace, task: Task, values: dict[str, Value]) -> Configuration:
    """A setting of a task as a configuration of its ``space``."""
    return Configuration(space, values=positions(task.domains, values))

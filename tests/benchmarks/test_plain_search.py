"""The plain way of a search, beside which Convoy's is measured."""

from made_up import JOB

from benchmarks.plain_search import _searcher
from benchmarks.search import SPACE
from search.proposals.searcher import OptunaSearcher
from search.space.reader import read_space
from search.space.sampler import SpaceSampler


def test_the_plain_way_draws_what_convoy_draws():
    space, result = read_space(SPACE), {"epoch": JOB.epochs, "val_accuracy": 0.1}
    convoy = OptunaSearcher(SpaceSampler(space, {}), JOB, 12, method=space.sampler)
    plain = _searcher(space, 12, JOB.seed)
    for name in map(str, range(8)):
        values = convoy.suggest(name)["values"]
        assert values.items() <= plain.suggest(name).items()
        for search in (convoy, plain):
            search.on_trial_complete(name, result)

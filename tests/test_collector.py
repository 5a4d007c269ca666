"""The garbage collector while much is imported."""

import gc
from collections.abc import Iterator

import pytest

from trainables.boundary.collector import no_collection


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_it_rests_within_and_works_after():
    with no_collection():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_works_after_an_error_too():
    with pytest.raises(ImportError), no_collection():
        raise ImportError
    assert gc.isenabled()


def test_where_it_rests_already_it_rests_after():
    gc.disable()
    with no_collection():
        pass
    assert not gc.isenabled()

"""The imports of a worker before it gets a trial. Ray imports this module by its name."""

from trainables.boundary.collector import no_collection

with no_collection():
    import ray.tune.trainable.function_trainable  # noqa: F401

    import search.workers.train  # noqa: F401

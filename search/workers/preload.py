"""What a worker imports before it is given a trial. Ray imports this module, by its name."""

from trainables.boundary.collector import no_collection

with no_collection():
    import ray.tune.trainable.function_trainable  # noqa: F401

    import search.workers.train  # noqa: F401

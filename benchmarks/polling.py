"""What each trial under way adds to a step of Tune's loop."""

import random
import time

import numpy as np
import ray

SIZES = (1, 256, 512, 1024, 2048)
STEPS = 100


def poll_cost() -> float:
    """Seconds of CPU that a step takes longer for each trial under way.

    A step copies the set of what it waits for, an answer of each trial, shuffles it and waits for
    one, as ``RayActorManager.next`` does. Here it waits for calls of one actor that never ends.
    Ray must run.
    """
    actor = ray.remote(_Silent).options(num_cpus=0).remote()
    times = [_step(actor, size) for size in SIZES]
    ray.kill(actor)
    slope, _ = np.polyfit(SIZES, times, 1)
    return float(max(0.0, slope))


class _Silent:
    def answer(self) -> None:
        time.sleep(3600)


def _step(actor: "ray.actor.ActorHandle", size: int) -> float:
    """Median seconds of a step that waits for ``size`` silent trials and one that answers."""
    waiting = {ray.put(0), *(actor.answer.remote() for _ in range(size))}
    times = []
    for _ in range(STEPS):
        start = time.thread_time()
        futures = list(waiting.copy())
        random.shuffle(futures)
        ray.wait(futures, num_returns=1, timeout=0.1)
        times.append(time.thread_time() - start)
    return float(np.median(times))

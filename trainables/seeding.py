"""Random streams that are functions of a seed and a place, never of what was drawn before.

Every epoch of a trial draws from streams derived from (seed, epoch), so a training that is resumed
at an epoch boundary draws exactly what the unbroken one does, and no generator's state has to be
kept.
"""

import zlib

import numpy as np
import torch


def derive(seed: int, *place: int | str) -> int:
    """A 63-bit seed for a place, such as ``derive(seed, epoch, "augmentation")``."""
    words = [zlib.crc32(p.encode()) if isinstance(p, str) else p for p in place]
    return int(np.random.SeedSequence([seed, *words]).generate_state(1, np.uint64)[0] >> 1)


def generator(device: torch.device, seed: int, *place: int | str) -> torch.Generator:
    """A torch generator on ``device`` at the start of the stream of a place."""
    return torch.Generator(device=device).manual_seed(derive(seed, *place))

"""Random streams that depend only on a seed and a place, not on earlier draws.

Every epoch of a trial draws from streams derived from (seed, epoch). So a training that is resumed
at the end of an epoch draws the same numbers as one without interruption, and no generator's state
has to be saved.
"""

import zlib

import numpy as np
import torch


def derive(seed: int, *place: int | str) -> int:
    """A 63-bit seed for a place, such as ``derive(seed, epoch, "augmentation")``."""
    words = [zlib.crc32(p.encode()) if isinstance(p, str) else p for p in place]
    return int(np.random.SeedSequence([seed, *words]).generate_state(1, np.uint64)[0] >> 1)


def generator(device: torch.device, seed: int, *place: int | str) -> torch.Generator:
    """A torch generator on ``device`` at the start of a place's stream."""
    return torch.Generator(device=device).manual_seed(derive(seed, *place))

"""Chance that is the same for the same seed, subject and purpose, whoever and whatever else there is."""

from __future__ import annotations

import zlib

import numpy as np

from metrify.errors import BadValue

__all__ = ["chance"]


def chance(seed: int, subject: str, purpose: str) -> np.random.Generator:
    """The random numbers of a subject, such as a meter, for one purpose. Raises BadValue for a seed that is none."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise BadValue("seed", "a whole number from 0 on", seed)
    return np.random.default_rng([int(seed), zlib.crc32(subject.encode()), zlib.crc32(purpose.encode())])

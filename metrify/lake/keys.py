"""Keys of rows as single integers: sorting, finding repeats and matching rows of two tables become array work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["match", "pack"]

Codes = NDArray[np.int64]


def pack(rows: pa.Table, columns: Sequence[str]) -> Codes:
    """One integer a row that is equal where all `columns` are equal and sorts like them, in order. Shape [N].

    Null is a value of its own and sorts last.
    """
    packed = np.zeros(rows.num_rows, np.int64)
    span = 1
    for name in columns if rows.num_rows else ():
        codes = _codes(rows[name])
        width = int(codes.max()) + 1
        if span * width >= 2**63:
            packed = np.unique(packed, return_inverse=True)[1].astype(np.int64)
            span = int(packed.max()) + 1
        packed = packed * width + codes
        span *= width
    return packed


def match(rows: pa.Table, held: pa.Table, columns: Sequence[str]) -> Codes:
    """For each of `rows` the index of a row of `held` with equal `columns`, -1 where there is none. Shape [N]."""
    if not held.num_rows or not rows.num_rows:
        return np.full(rows.num_rows, -1, np.int64)
    names = list(columns)
    both = pack(pa.concat_tables([rows.select(names), held.select(names)]), names)
    wanted, present = both[: rows.num_rows], both[rows.num_rows :]
    order = np.argsort(present, kind="stable")
    place = np.minimum(np.searchsorted(present, wanted, sorter=order), len(present) - 1)
    found = order[place]
    return np.where(present[found] == wanted, found, -1)


def _codes(column: pa.ChunkedArray) -> Codes:
    """Small integers from 0 that are equal and sort like the values."""
    if pa.types.is_integer(column.type) or pa.types.is_temporal(column.type):
        codes = _counted(column)
        if codes is not None:
            return codes
    encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    whole = encoded.unify_dictionaries().combine_chunks()
    nulls_last = len(whole.dictionary)
    rank = np.full(nulls_last + 1, nulls_last, np.int64)
    rank[pc.array_sort_indices(whole.dictionary).to_numpy()] = np.arange(nulls_last)
    return rank[whole.indices.fill_null(nulls_last).to_numpy(zero_copy_only=False)]


def _counted(column: pa.ChunkedArray) -> Codes | None:
    """Integers and times counted from the smallest in steps of what divides them all; None if a value is null."""
    if column.null_count:
        return None
    plain = column.cast(pa.int32()) if pa.types.is_date32(column.type) else column
    values = plain.cast(pa.int64()).to_numpy()
    above = values - values.min()
    step = int(np.gcd.reduce(above)) or 1
    return above // step

"""Which bucket a meter belongs to: the same answer in the lake, in Kafka's CRC32 partitioner and in every language."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["bucket_of"]


def bucket_of(meter_ids: pa.Array | pa.ChunkedArray | Iterable[str], buckets: int) -> NDArray[np.int32]:
    """crc32 of the UTF-8 meter id modulo `buckets`, shape [N]; each distinct id is hashed once."""
    column = meter_ids if isinstance(meter_ids, (pa.Array, pa.ChunkedArray)) else pa.array(list(meter_ids), pa.string())
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    whole = encoded.unify_dictionaries().combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    hashed = [zlib.crc32(str(name).encode()) % buckets for name in whole.dictionary.to_pylist()]
    return np.asarray(hashed, np.int32)[whole.indices.to_numpy(zero_copy_only=False)]

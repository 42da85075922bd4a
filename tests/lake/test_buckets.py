from __future__ import annotations

import zlib

import pyarrow as pa

from metrify.lake.buckets import bucket_of


def test_a_bucket_is_the_crc32_of_the_meter_id_whatever_holds_the_ids() -> None:
    ids = ["MAC000002", "Zähler 7", "", "MAC000002"]
    wanted = [zlib.crc32(name.encode()) % 16 for name in ids]
    chunked = pa.chunked_array([ids[:2], ids[2:]])
    for given in (ids, pa.array(ids), chunked, pa.array(ids).dictionary_encode(), chunked.dictionary_encode()):
        assert bucket_of(given, 16).tolist() == wanted
    assert bucket_of(ids, 16).dtype == "int32"
    assert bucket_of(pa.array([], pa.string()), 16).tolist() == []


def test_the_bucket_of_a_known_meter_never_changes() -> None:
    assert bucket_of(["123456789"], 2**31).tolist() == [0xCBF43926 % 2**31]  # the check value of CRC-32

"""Rows into a file: whole or not at all, and the error is that of the place."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metrify.errors import BadValue
from metrify.lake.outfile import file_for, write_file

ROWS = pa.table({"kwh": [1.0, 2.0]})


def test_a_folder_or_a_file(tmp_path: Path) -> None:
    assert file_for(tmp_path, "found") == tmp_path / "found.parquet"
    path = write_file(ROWS, file_for(tmp_path / "new" / "rows.parquet", "found"))
    assert pq.read_table(path).equals(ROWS)
    assert [entry.name for entry in path.parent.iterdir()] == ["rows.parquet"]
    with pytest.raises(BadValue, match=r"path: wanted a file that ends in \.csv or \.parquet"):
        file_for(tmp_path / "rows.json", "found")


def test_a_place_below_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadValue, match="path: wanted a place where a file can be written"):
        write_file(ROWS, tmp_path / "file" / "rows.csv")

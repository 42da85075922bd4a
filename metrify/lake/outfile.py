"""Rows into a file that people open: whole, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from metrify.errors import BadValue

__all__ = ["file_for", "write_file"]

_WRITERS = {".csv": pacsv.write_csv, ".parquet": pq.write_table}


def file_for(path: Path, name: str) -> Path:
    """The file that `path` means: itself if it ends in .csv or .parquet, else NAME.parquet in that folder.

    Raises BadValue for another ending, so that a slip is told before the work is done.
    """
    if path.suffix in _WRITERS and not path.is_dir():
        return path
    if path.suffix and not path.is_dir():
        raise BadValue("path", f"a file that ends in {' or '.join(_WRITERS)}, or a folder", str(path))
    return path / f"{name}.parquet"


def write_file(rows: pa.Table, path: Path) -> Path:
    """Write the rows; what was there stays until all is written. Raises BadValue where no file can be written."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _WRITERS[path.suffix](rows, draft)
        draft.replace(path)
    except OSError as error:
        raise BadValue("path", "a place where a file can be written", f"{path} ({error})") from error
    finally:
        with suppress(OSError):  # the draft may be in no folder at all
            draft.unlink()
    return path

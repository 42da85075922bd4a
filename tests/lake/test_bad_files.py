"""Files that cannot be read, and rows that cannot enter: a clear error or a quarantined row."""

from __future__ import annotations

import gzip
import json
import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metrify.errors import MissingColumns, UnknownName, UnreadableFile
from metrify.lake.files import ingest
from metrify.lake.tables import Lake, Written
from metrify.schema import READING
from metrify.settings import Workspace
from tests.lake.files import LONDON, ingest_one, write_lines
from tests.lake.rows import START, quarantined, state


def test_what_cannot_enter_is_quarantined_whole_and_the_rest_goes_in(workspace: Workspace, tmp_path: Path) -> None:
    lines = [
        "id,time,use",
        "a,2024-01-01 00:00,1.0",
        "a,2024-01-01 00:30,abc",  # 2
        "a,2024-01-01 01:00,nan",  # 3
        "a,2024-01-01 01:30,inf",  # 4
        "a,2024-01-01 02:00,",  # 5
        "a,2024-01-01 02:30",  # 6
        "a,2024-01-01 03:00,1.0,2.0",  # 7
        "a,yesterday,1.0",  # 8
        ",2024-01-01 03:30,1.0",  # 9
        "a,2024-03-31 01:30,1.0",  # 10: the skipped hour
        "a,2024-10-27 01:30,1.0",  # 11: alone in the repeated hour
        "a,2024-01-01 04:00,-2.5",
        "a,2024-01-01 00:00,1.0",  # a duplicate
        "a,2024-01-01 00:00,7.0",  # 14: contradicts
        "a,2024-01-01 04:30,2000000",  # 15
        "a,2024-01-01 05:00,3.0",
    ]
    path = write_lines(tmp_path / "bad.csv", lines)
    for written in (Written(inserted=3, repeated=1), Written(unchanged=3, repeated=1)):
        report = ingest_one(workspace, "readings", path, LONDON)
        assert report.rows == 16
        assert report.written == written
        assert report.warnings == {"kwh below zero: a net meter exports, else it is wrong": 1}
        lake = Lake(workspace)
        assert {hour: kwh for (_, hour), (kwh, _) in state(lake).items()} == {0: 1.0, 4: -2.5, 5: 3.0}
        refused = quarantined(lake)
        assert refused["row"].tolist() == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15]
        [source] = set(refused["source"])
        assert re.fullmatch(r"bad\.csv#[0-9a-f]{8}", source)
        assert set(refused["table"]) == {"READING"}
    wanted = [
        "kwh: not a number (abc)",
        "kwh is not a finite number",
        "kwh is not a finite number",
        "no value in any of",
        "wrong number of cells (2 instead of 3)",
        "wrong number of cells (4 instead of 3)",
        "timestamp: not a time (yesterday)",
        "meter_id is missing",
        "timestamp: this clock time does not exist in Europe/London",
        "timestamp: this clock time happens twice in Europe/London",
        "contradicts an earlier row of the same key and version (kwh 1.0 came first, this says 7.0)",
        "kwh is above 1e+06 kWh",
    ]
    assert [reason.startswith(start) for reason, start in zip(refused["reason"], wanted, strict=True)] == [True] * 12
    contents = [json.loads(content) for content in refused["content"]]
    assert contents[0] == {"id": "a", "time": "2024-01-01 00:30", "use": "abc"}
    assert contents[4] == {"line": "a,2024-01-01 02:30"}
    assert report.quarantined["kwh is not a finite number"] == 2
    assert report.quarantined["wrong number of cells"] == 2


def test_files_of_the_same_name_are_told_apart_and_the_same_file_in_another_folder_is_not(
    workspace: Workspace, tmp_path: Path
) -> None:
    bad = "a,yesterday,1"
    contents = {"north": ["id,time,use", bad], "south": ["id,time,use", bad, "b,2024-01-01 00:00,1"]}
    contents["copy"] = contents["north"]
    for folder, lines in contents.items():
        (tmp_path / folder).mkdir()
        ingest_one(workspace, "readings", write_lines(tmp_path / folder / "r.csv", lines), LONDON)
    refused = quarantined(Lake(workspace))
    assert refused["row"].tolist() == [1, 1]
    assert refused["source"].nunique() == 2
    assert refused["source"].str.startswith("r.csv#").all()


def test_row_numbers_hold_over_many_blocks(workspace: Workspace, tmp_path: Path) -> None:
    count = 150_000  # several blocks of a CSV file
    lines = [f"m{n % 3},2024-01-01 00:00:{n % 60:02d}.{n:07d},{n}" for n in range(count)]
    for broken in (10, 70_000, count - 1):
        lines[broken] = "broken"
    lines[70_001] = "m1,2024-01-01 00:00,text"
    report = ingest_one(workspace, "readings", write_lines(tmp_path / "long.csv", ["id,time,use", *lines]), LONDON)
    assert report.written.inserted + report.written.repeated == count - report.quarantined.total()
    assert quarantined(Lake(workspace))["row"].tolist() == [11, 70_001, 70_002, count]


def test_negative_and_missing_values_in_parquet(workspace: Workspace, tmp_path: Path) -> None:
    times = [START + timedelta(minutes=30 * n) for n in range(4)]
    rows = pa.table({"id": ["a"] * 4, "time": times, "use": [-1.0, float("nan"), None, 2.0]})
    pq.write_table(rows, tmp_path / "r.parquet")
    report = ingest_one(workspace, "readings", tmp_path / "r.parquet", LONDON)
    assert report.written == Written(inserted=2)
    reasons = quarantined(Lake(workspace)).set_index("row")["reason"]
    assert reasons[2] == "kwh is not a finite number"
    assert reasons[3].startswith("no value in any of kwh")


def test_a_mapping_that_names_a_missing_column(workspace: Workspace, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "r.csv", ["id,time,usage", "a,2024-01-01 00:00,1"])
    with pytest.raises(MissingColumns, match=r"r.csv: use. Available columns: id, time, usage"):
        ingest(workspace, "readings", [path], LONDON)
    with pytest.raises(UnknownName, match="table"):
        ingest(workspace, "raedings", [path], LONDON)


def _unreadable(folder: Path) -> dict[str, Path]:
    folder.mkdir()
    rows = pa.table({"id": ["a"] * 5000, "time": ["x"] * 5000, "use": np.arange(5000) / 8})
    pq.write_table(rows, folder / "whole.parquet", compression="zstd", use_dictionary=False)
    whole = (folder / "whole.parquet").read_bytes()
    text = ("id,time,use\n" + "a,2024-01-01 00:00,1\n" * 50_000).encode()
    noise = np.random.default_rng(0).bytes(20_000)
    contents = {
        "empty.csv": b"",
        "empty.parquet": b"",
        "noise.csv": noise,
        "noise.parquet": noise,
        "truncated.parquet": whole[: len(whole) // 2],
        "damaged.parquet": whole[:1000] + noise[:2000] + whole[3000:],
        "truncated.csv.gz": gzip.compress(text)[:-200],
        "no.csv.gz": text,
        "latin.csv": "id,time,use\nZürich,2024-01-01 00:00,1\n".encode("latin-1"),
        "twice.csv": b"id,time,use,use\na,2024-01-01 00:00,1,1\n",
    }
    paths = {name: folder / name for name in contents}
    for name, content in contents.items():
        paths[name].write_bytes(content)
    return {**paths, "absent.csv": folder / "absent.csv", "absent.parquet": folder / "absent.parquet", "folder": folder}


def test_unreadable_files_are_named_and_leave_nothing(workspace: Workspace, tmp_path: Path) -> None:
    for name, path in _unreadable(tmp_path / "files").items():
        try:
            ingest(workspace, "readings", [path], LONDON)
        except UnreadableFile as error:
            assert error.path == path  # noqa: PT017
        else:
            pytest.fail(f"{name} was read")
    lake = Lake(workspace)
    assert lake.version(READING) == -1
    assert quarantined(lake).empty


def test_a_file_without_rows_is_told(workspace: Workspace, tmp_path: Path) -> None:
    report = ingest_one(workspace, "readings", write_lines(tmp_path / "head.csv", ["id,time,use"]), LONDON)
    assert report.rows == 0
    assert report.warnings == {"the file holds no rows": 1}

"""Files that are no sound Green Button feed: a clear error, nothing written, no memory eaten."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from metrify.errors import UnreadableFile
from metrify.lake.files import ingest
from metrify.lake.tables import Lake
from metrify.schema import READING
from metrify.settings import Workspace
from tests.lake.feeds import channel, feed, reading, usage_point

T0 = 1_704_067_200  # 2024-01-01T00:00Z
HOUR = 3600


def _broken() -> dict[str, str]:
    whole = feed(usage_point(), *channel("1", *(reading(T0 + n * HOUR, n) for n in range(2000))))
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE feed [<!ENTITY l0 "ha">{laughs}]><feed>&l11;</feed>'
    external = '<?xml version="1.0"?><!DOCTYPE feed [<!ENTITY x SYSTEM "file:///etc/passwd">]><feed>&x;</feed>'
    remote = '<?xml version="1.0"?><!DOCTYPE feed SYSTEM "http://127.0.0.1:9/x.dtd"><feed/>'
    flood = feed(usage_point(), *channel("1", reading(T0, "9" * 3_000_000)))
    return {
        "cut off": whole[: len(whole) // 2],
        "wrong namespace": whole.replace("NAMESPACE", "x").replace("http://naesb.org/espi", "http://example.org"),
        "no feed": "<html><body>Please log in</body></html>",
        "empty": "",
        "no XML": "meter_id,timestamp\n",
        "bomb": bomb,
        "external": external,
        "remote": remote,
        "flood": flood,
    }


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cut off", "line 1: .*Check the path and that the file is complete"),
        ("wrong namespace", "none of its elements is of the namespace http://naesb.org/espi"),
        ("no feed", "line 1: it begins with <html>, not with an Atom <feed>"),
        ("empty", "no element found"),
        ("no XML", "line 1: "),
        ("bomb", "it declares a DTD or entities.*refused"),
        ("external", "it declares a DTD or entities.*refused"),
        ("remote", "it declares a DTD or entities.*refused"),
        ("flood", "an element holds more than 65,536 characters"),
    ],
)
def test_a_file_that_is_no_sound_feed_is_refused_and_nothing_is_written(
    workspace: Workspace, tmp_path: Path, name: str, says: str
) -> None:
    path = tmp_path / "g.xml"
    path.write_text(_broken()[name])
    tracemalloc.start()
    with pytest.raises(UnreadableFile, match=f"Green Button.*{says}"):
        ingest(workspace, "readings", [path])
    grown = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grown < 4_000_000
    assert Lake(workspace).version(READING) == -1

from __future__ import annotations

import re

from metrify.registry import Lineage
from metrify.registry.lineage import code_version


def test_tags_there_and_back(lineage: Lineage):
    tags = lineage.tags()
    assert tags["lineage.lake"] == '{"READING": 12, "WEATHER": 3}'
    assert tags["lineage.first"] == "2013-01-01T00:00:00+00:00"
    assert Lineage.from_tags({**tags, "release": "1.0"}) == lineage
    assert Lineage.from_tags({"release": "1.0"}) is None


def test_code_is_a_commit_or_a_hash_of_the_sources(lineage: Lineage):
    assert re.fullmatch(r"git:[0-9a-f]{40}(\+dirty)?|[\d.]+\+sha256:[0-9a-f]{16}", code_version())
    assert lineage.code == code_version()

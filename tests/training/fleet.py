"""A workspace with FEATURE rows, put there without a build: sixty days of three meters."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from metrify.features.build import feature_schema
from metrify.features.origin import Origin
from metrify.lake.commit import commit, write_part
from metrify.schema import FEATURE
from metrify.settings import Workspace
from tests.models.fleet import feature_rows

__all__ = ["meters_rows", "put_features"]


def meters_rows() -> pd.DataFrame:
    found = feature_rows()
    return found[found["meter_id"].isin(["ordinary", "exporter", "gappy"])].reset_index(drop=True)


def put_features(workspace: Workspace) -> pd.DataFrame:
    """Commit the rows as a build would, in the workspace's name; returns them."""
    rows, schema, root = meters_rows(), feature_schema(), workspace.lake / FEATURE.name
    table = rows.assign(**{name: rows[name].dt.tz_localize("UTC") for name in ("issue_time", "timestamp")})
    parts = []
    for month, group in table.groupby(rows["timestamp"].dt.strftime("%Y-%m")):
        parts.append(
            write_part(root, pa.Table.from_pandas(group[schema.names], schema, preserve_index=False), 0, month)
        )
    commit(root, schema, parts, "overwrite", metadata=Origin.now(workspace).metadata())
    return rows

"""What a model was made of, for tasks that read the lake at the moment they learn."""

from __future__ import annotations

from typing import Any

import pandas as pd

from metrify.lake.tables import Lake
from metrify.registry import Lineage
from metrify.schema import Table
from metrify.settings import Workspace

__all__ = ["lineage_of"]


def lineage_of(
    workspace: Workspace, read: tuple[Table, ...], settings: dict[str, Any], rows: pd.DataFrame, time: str, subject: str
) -> Lineage:
    """Versions of the tables in `read`, and the period (column `time`) and subjects (column `subject`) of `rows`."""
    lake = Lake(workspace)
    first, last = (pd.Timestamp(end).tz_localize("UTC").to_pydatetime() for end in (rows[time].min(), rows[time].max()))
    return Lineage(
        lake={table.name: lake.version(table) for table in read},
        settings={"workspace": workspace.settings.model_dump(), "family": settings},
        first=first,
        last=last,
        meters=int(rows[subject].nunique()),
        rows=len(rows),
    )

"""Training rows: FEATURE rows of the lake as the data frames that families learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from metrify.errors import EmptyTable
from metrify.features import catalog
from metrify.lake.tables import Lake
from metrify.schema import FEATURE
from metrify.settings import Workspace

__all__ = ["Presence", "feature_rows", "known_at"]


@dataclass(frozen=True)
class Presence:
    """Which meters take part: those with enough readings."""

    share: float
    """least share of known targets from `since` on"""
    since: np.datetime64
    history_days: int = 0
    """least number of days with a known target before `history_before`"""
    history_before: np.datetime64 | None = None

    def keep(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows of the meters that qualify."""
        known = rows["target"].notna()
        late = rows["timestamp"].to_numpy() >= self.since
        present = known[late].groupby(rows["meter_id"][late], observed=True).mean()
        chosen = set(present.index[present > self.share])
        if self.history_days:
            early = known.to_numpy() & (rows["timestamp"].to_numpy() < (self.history_before or self.since))
            days = rows["timestamp"][early].dt.floor("D").groupby(rows["meter_id"][early], observed=True).nunique()
            chosen &= set(days.index[days >= self.history_days])
        return rows[rows["meter_id"].isin(chosen)]


def feature_rows(
    workspace: Workspace, *, since: np.datetime64 | None = None, until: np.datetime64 | None = None
) -> pd.DataFrame:
    """FEATURE rows by timestamp, sorted by issue time, timestamp and meter; times are datetime64[s] in UTC.

    Raises EmptyTable where features were not built.
    """
    lake = Lake(workspace)
    if not lake.exists(FEATURE):
        raise EmptyTable("FEATURE", "Build features with `metrify features build`.")
    table = lake.read(FEATURE, columns=[*FEATURE.names, *catalog.names], since=since, until=until)
    if not table.num_rows:
        raise EmptyTable("FEATURE", f"It has no rows from {since} to {until}; ingest readings of that time and build.")
    columns = {name: table[name].to_numpy() for name in (*FEATURE.names[1:], *catalog.names)}
    for name in ("issue_time", "timestamp"):
        columns[name] = columns[name].astype("datetime64[s]")
    ids = table["meter_id"].cast(pa.dictionary(pa.int32(), pa.string())).unify_dictionaries()
    rows = pd.DataFrame({"meter_id": ids.to_pandas(), **columns})
    return rows.sort_values(["issue_time", "timestamp", "meter_id"], ignore_index=True)


def known_at(rows: pd.DataFrame, moment: np.datetime64) -> pd.DataFrame:
    """Rows with a truth that was known at `moment`, rounded down to the hour: their interval was over by then."""
    begun_before = rows["timestamp"].to_numpy() < moment.astype("datetime64[h]")
    return rows[begun_before & rows["target"].notna().to_numpy()]

"""Small fitted models of real families: those of the catalogue can be loaded again by a worker."""

from __future__ import annotations

import numpy as np
import pandas as pd

from metrify.features.asset import asset_frame
from metrify.features.day import day_frame
from metrify.features.equipment import Equipment
from metrify.features.frame import Sources, forecast_frame
from metrify.features.reading import reading_frame
from metrify.features.rows import issue_times
from metrify.features.sources import Surroundings
from metrify.lake.tables import Lake
from metrify.localtime import Calendar
from metrify.models.base import Batch, Model
from metrify.models.catalog import family
from metrify.panel import Panel
from metrify.scoring.layout import readings
from tests.scoring.fleet import DAY, DAYS, START, load

__all__ = ["failure", "quality", "seasonal", "zscore"]


def seasonal() -> Model:
    panel = Panel(np.array(["x"]), START, 60, load(DAYS * 24, 4)[None].astype(np.float32))
    sources = Sources(panel, panel, Calendar("UTC"), pd.DataFrame({"pv_kw": [None], "location": [""]}, index=["x"]))
    rows = forecast_frame(sources, issue_times(panel.start, panel.end, "00:00", "UTC"), "1d").table().to_pandas()
    return family("forecasting/seasonal").configured({}).fit(Batch(rows))


def zscore(lake: Lake, **settings: float) -> Model:
    groups = readings().read(lake, Surroundings.read(lake), START)
    rows = pd.concat([reading_frame(group, since=START + 40 * DAY) for group in groups], ignore_index=True)
    return family("anomaly/zscore").configured(settings).fit(Batch(rows))


def quality(lake: Lake) -> Model:
    """Of days that are followed by a bad one at random."""
    groups = readings().read(lake, Surroundings.read(lake), START)
    rows = pd.concat([day_frame(group, 24.0) for group in groups], ignore_index=True)
    rows["target"] = np.random.default_rng(1).integers(0, 2, len(rows)).astype(float)
    return family("quality/score").configured({"n_estimators": 30}).fit(Batch(rows))


def failure() -> Model:
    """Of devices of which half fail after four years."""
    names = [f"D-{number}" for number in range(60)]
    assets = pd.DataFrame({"asset_id": names, "kind": "meter", "installed_on": "2010-01-01"})
    happened = pd.to_datetime(["2014-06-01"] * 30 + ["2019-01-01"])
    events = pd.DataFrame({"subject_id": [*names[:30], "other"], "timestamp": happened, "kind": "failure"})
    moments = np.array(["2012-01-01", "2014-01-01"], "datetime64[s]")
    rows = asset_frame(Equipment.of(assets, events), moments, horizon_days=365)
    return family("maintenance/failure").configured({"n_estimators": 5}).fit(Batch(rows))

"""The learned rung: the champion as the estimation ladder asks it."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import cast

import numpy as np
import pandas as pd

from metrify.features.gap import gap_frame
from metrify.localtime import Calendar
from metrify.models.base import Batch, Model
from metrify.models.catalog import family
from metrify.panel import Panel
from metrify.registry import Lineage, Registry
from metrify.sample.gaps import cut
from metrify.schema import ESTIMATE
from metrify.scoring.estimates import LearnedRung, learned
from metrify.settings import VeeSettings, Workspace
from metrify.vee.evidence import Evidence
from metrify.vee.ladder import METHODS, estimate
from metrify.vee.ladder.classprofile import class_profiles
from metrify.vee.ladder.rungs import class_profile
from metrify.vee.rules import validate

LONDON = Calendar("Europe/London", "GB")
LENGTHS = (1,) * 10 + (2,) * 6 + (6, 12) * 4 + (24, 48) * 2
METERS = 4


@lru_cache(maxsize=1)
def homes() -> Panel:
    random = np.random.default_rng(7)
    hours = np.arange(90 * 24) % 24
    values = (0.5 + 0.3 * np.sin(2 * np.pi * hours / 24)) * random.gamma(8, 1 / 8, (METERS, 90 * 24))
    ids = np.array([f"m{row}" for row in range(METERS)])
    return Panel(ids, np.datetime64("2013-03-01", "s"), 60, values.astype(np.float32))


@lru_cache(maxsize=1)
def imputer() -> Model:
    panel = homes()
    holes, mask, _ = cut(panel, LENGTHS, 1, 3)
    rows = gap_frame(holes, mask, LONDON).assign(target=panel.values[mask])
    quick = {"n_estimators": 30, "min_data_in_leaf": 20, "threads": 2}
    return family("quality/imputer").configured(quick).fit(Batch(rows, holes))


def broken() -> tuple[Evidence, np.ndarray, np.ndarray]:
    """Homes with gaps of up to two days, and one of five: what is left, the flags, what is missing."""
    holes, mask, _ = cut(homes(), (1, 1, 2, 6, 24, 120), 1, 11)
    evidence = Evidence(holes, np.zeros(METERS, bool), calendar=LONDON)
    return evidence, validate(evidence, VeeSettings()), mask


def test_without_a_champion_there_is_no_learned_rung(workspace: Workspace) -> None:
    assert learned(workspace) is None


def test_the_champion_that_answers_with_estimates_is_the_learned_rung(workspace: Workspace) -> None:
    registry = Registry(workspace)
    day = datetime(2013, 3, 1, tzinfo=UTC)
    lineage = Lineage(lake={"READING": 1}, settings={}, first=day, last=day, meters=METERS, rows=1)
    version = registry.publish(imputer(), metrics={}, lineage=lineage)
    registry.promote("quality/imputer", version.version)
    assert str(registry.champion("quality", ESTIMATE)) == "quality/imputer:1"
    rung = learned(workspace)
    assert rung is not None
    evidence, flags, mask = broken()
    assert rung(evidence, flags, mask).name == "quality/imputer:1"


def test_the_ladder_takes_its_values_where_it_has_them(workspace: Workspace) -> None:
    evidence, flags, mask = broken()
    rung = LearnedRung(imputer(), "quality/imputer:1")
    said = rung(evidence, flags, mask)
    answered = np.isfinite(said.values)
    assert answered.any()
    assert not (answered & ~mask).any()
    assert (said.low[answered] <= said.values[answered]).all()
    assert (said.values[answered] <= said.high[answered]).all()
    found = estimate(evidence, flags, VeeSettings(), learned=rung)
    method = np.array(METHODS)[found.method]
    assert (method[answered] == "learned").mean() > 0.95
    assert (method[mask & ~answered] != "learned").all()
    assert np.isfinite(found.values[mask]).all()
    truth = homes().values
    plain = estimate(evidence, flags, VeeSettings())
    assert np.abs(found.values - truth)[answered].mean() < np.abs(plain.values - truth)[answered].mean()


def test_what_is_flagged_is_not_looked_at() -> None:
    evidence, flags, mask = broken()
    flags = flags.copy()
    doubtful = np.zeros(mask.shape, bool)
    doubtful[0, 200:260] = ~mask[0, 200:260]
    flags[doubtful] |= np.uint32(1 << 4)
    rung = LearnedRung(imputer(), "quality/imputer:1")
    wild = Evidence(
        evidence.panel.replace(np.where(doubtful, np.float32(50), evidence.panel.values)),
        evidence.signed,
        calendar=LONDON,
    )
    np.testing.assert_array_equal(rung(evidence, flags, mask).values, rung(wild, flags, mask).values)


def test_nothing_wanted_is_nothing_said_and_it_travels() -> None:
    evidence, flags, mask = broken()
    rung = pickle.loads(pickle.dumps(LearnedRung(imputer(), "quality/imputer:1")))
    assert np.isnan(rung(evidence, flags, np.zeros_like(mask)).values).all()
    again = LearnedRung(imputer(), "quality/imputer:1")(evidence, flags, mask)
    np.testing.assert_array_equal(rung(evidence, flags, mask).values, again.values)


@dataclass
class Echo:
    """A family that answers what the profile of the class says, with what the ladder itself would say as its band."""

    def predict(self, batch: Batch) -> pd.DataFrame:
        rows = batch.rows
        return rows[["meter_id", "timestamp"]].assign(
            value=rows["class_profile"], low=rows["ladder"], high=rows["ladder"]
        )


def test_it_has_the_profiles_and_the_settings_of_the_ladder() -> None:
    evidence, flags, mask = broken()
    settings = VeeSettings(linear_hours=24)
    rung = LearnedRung(cast(Model, Echo()), "echo:1", settings)
    classes = np.array(["home", "home", "plant", "plant"])
    profiles = class_profiles(evidence.panel, LONDON, classes)
    said, plain = rung(evidence, flags, mask, profiles), rung(evidence, flags, mask)
    expected = class_profile(evidence.panel, mask, LONDON, profiles=profiles)
    np.testing.assert_array_equal(said.values, expected)
    assert (plain.values[mask] != expected[mask]).any()
    filled = estimate(evidence, flags, settings, learned=rung, profiles=profiles)
    np.testing.assert_array_equal(filled.values[mask], expected[mask])
    ladder = estimate(evidence, flags, settings, profiles=profiles)
    np.testing.assert_array_equal(said.low[mask], ladder.values[mask])

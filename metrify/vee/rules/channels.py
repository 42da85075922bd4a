"""Rules about the other channels: voltage, reactive energy, energy given back."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from metrify.panel import Panel
from metrify.settings import VeeSettings
from metrify.vee.evidence import Evidence, Found
from metrify.vee.rules.nominal import nominal_voltage
from metrify.vee.rules.rule import Rule

__all__ = ["RULES"]

_SOLAR = 0.01
"""A meter of which nothing is said about generation has some if it gives energy back in this share of its readings."""
_USUAL = 0.5
"""A meter usually reports reactive energy if it came with this share of its readings so far."""
_LEAST_READINGS = 24


def _reverse_energy(evidence: Evidence, settings: VeeSettings) -> Found:
    """Energy was given back by a meter behind which nothing generates.

    The meter is connected the wrong way round, somebody tampered with it, or there is a solar roof that nobody
    registered. Nothing generates where METER says 0 kW and SOLAR meters nothing; where METER is silent, at meters that
    give energy back in less than one reading of a hundred.
    """
    return _unexpected(evidence, slice(-1, None))


def _reverse_energy_by_now(evidence: Evidence, settings: VeeSettings) -> Found:
    """The same by what was given back and generated so far."""
    return _unexpected(evidence, slice(None))


def _unexpected(evidence: Evidence, known: slice) -> Found:
    """Where energy was given back although nothing generates, as the `known` running counts say: all, or the last."""
    export = evidence.channel("kwh_export")
    if export is None:
        return _nowhere(evidence)
    given = export.values > 0
    rated = np.full(len(given), np.nan) if evidence.pv_kw is None else evidence.pv_kw
    often = _count(given)[:, known] > _SOLAR * np.arange(1, given.shape[1] + 1)[known]
    generates = np.where(np.isfinite(rated)[:, None], (rated > 0)[:, None], evidence.signed[:, None] | often)
    if evidence.generation is not None:
        generates = generates | (_count(evidence.generation.values > 0)[:, known] > 0)
    return given & ~generates


def _count(found: Found) -> NDArray[np.int32]:
    """How often it held until the end of each interval, [M, T]."""
    return np.cumsum(found, axis=1, dtype=np.int32)


def _power_factor(evidence: Evidence, settings: VeeSettings) -> Found:
    """Reactive energy is missing where it usually comes, or there is far more of it than any load needs.

    Who is billed for reactive energy needs every interval of it. A power factor below `least_power_factor` at an
    apparent power of at least `least_load_kva` comes from current and voltage that are crossed between phases more
    often than from a customer; meters with generation are left out, their active energy cancels and the reactive does
    not.
    """
    kwh, kvarh = evidence.channel("kwh"), evidence.channel("kvarh")
    if kwh is None or kvarh is None:
        return _nowhere(evidence)
    least = settings.least_load_kva * kwh.step_minutes / 60
    return _reactive(kwh.values, kvarh.values, ~evidence.signed, settings.least_power_factor, least)


@njit(cache=True)
def _reactive(kwh, kvarh, judged, least_factor, least):  # pragma: no cover - compiled
    found = np.zeros(kwh.shape, np.bool_)
    for m in range(kwh.shape[0]):
        readings, reactive = 0, 0
        for t in range(kwh.shape[1]):
            active, other = kwh[m, t], kvarh[m, t]
            if np.isnan(active):
                continue
            if np.isnan(other):
                found[m, t] = readings >= _LEAST_READINGS and reactive >= _USUAL * readings
            elif judged[m]:
                apparent = active * active + other * other
                found[m, t] = apparent >= least * least and active * active < least_factor * least_factor * apparent
            readings += 1
            reactive += not np.isnan(other)
    return found


def _voltage(evidence: Evidence, settings: VeeSettings) -> Found:
    """The mean voltage is further than `voltage_band` from nominal: customers' devices suffer, or the meter is wrong.

    Nominal is the standard level nearest to the meter's own median, or else that median (medium voltage). EN 50160
    and most utilities allow 10 %. Not while an outage is known: that there is no voltage then is no news.
    """
    found = _out_of_band(evidence.channel("voltage_v"), evidence, settings, None)
    return found if evidence.outage is None else found & ~evidence.outage


def _voltage_by_now(evidence: Evidence, settings: VeeSettings) -> Found:
    """The same by the median of the meter's first two days, from then on."""
    return _out_of_band(evidence.channel("voltage_v"), evidence, settings, 2 * 1440 // evidence.panel.step_minutes)


def _out_of_band(voltage: Panel | None, evidence: Evidence, settings: VeeSettings, first: int | None) -> Found:
    if voltage is None:
        return _nowhere(evidence)
    nominal, since = nominal_voltage(voltage, first)
    low, high = ((nominal * (1 + side * settings.voltage_band)).astype(np.float32)[:, None] for side in (-1, 1))
    found = (voltage.values < low) | (voltage.values > high)
    return found if first is None else found & (np.arange(found.shape[1]) >= since[:, None])


def _nowhere(evidence: Evidence) -> Found:
    return np.zeros(evidence.panel.values.shape, bool)


RULES = (
    Rule(
        "reverse_energy",
        18,
        "warning",
        "energy given back by a meter behind which nothing generates",
        _reverse_energy,
        _reverse_energy_by_now,
        sees=("kwh_export",),
    ),
    Rule(
        "power_factor",
        19,
        "warning",
        "reactive energy is missing, or the power factor is below the settings' limit",
        _power_factor,
        sees=("kvarh",),
    ),
    Rule(
        "voltage",
        20,
        "warning",
        "mean voltage outside of the settings' band around nominal",
        _voltage,
        _voltage_by_now,
        sees=("voltage_v",),
    ),
)

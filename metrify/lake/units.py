"""From the unit of a source to the unit of the schema."""

from __future__ import annotations

from dataclasses import dataclass

from metrify.errors import UnknownName
from metrify.schema import Column

__all__ = ["Conversion", "conversion"]


@dataclass(frozen=True)
class Conversion:
    """value in the schema's unit = (value + before) * factor, and times the interval length [h] if `mean_power`."""

    factor: float
    before: float = 0.0
    mean_power: bool = False

    def total(self, interval_minutes: int | None) -> float:
        """The factor for an interval of this length."""
        return self.factor * interval_minutes / 60 if self.mean_power and interval_minutes else self.factor


def _energy(energy: str, power: str) -> dict[str, Conversion]:
    sizes = {"": 1e-3, "k": 1.0, "M": 1e3, "G": 1e6}
    return {prefix + energy: Conversion(size) for prefix, size in sizes.items()} | {
        prefix + power: Conversion(size, mean_power=True) for prefix, size in sizes.items()
    }


def _scaled(**factors: float) -> dict[str, Conversion]:
    return {unit: Conversion(factor) for unit, factor in factors.items()}


UNITS: dict[str, dict[str, Conversion]] = {
    "kWh": _energy("Wh", "W") | _scaled(kJ=1 / 3600, MJ=1 / 3.6, GJ=1000 / 3.6),
    "kvarh": _energy("varh", "var"),
    "kW": _scaled(W=1e-3, kW=1, MW=1e3, GW=1e6),
    "kVA": _scaled(VA=1e-3, kVA=1, MVA=1e3),
    "V": _scaled(mV=1e-3, V=1, kV=1e3),
    "A": _scaled(mA=1e-3, A=1, kA=1e3),
    "Hz": _scaled(mHz=1e-3, Hz=1),
    "%": {"%": Conversion(1), "fraction": Conversion(100)},
    "degC": {"degC": Conversion(1), "degF": Conversion(5 / 9, before=-32), "K": Conversion(1, before=-273.15)},
    "hPa": _scaled(Pa=1e-2, hPa=1, mbar=1, kPa=10, bar=1000),
    "m/s": {
        "m/s": Conversion(1),
        "km/h": Conversion(1 / 3.6),
        "mph": Conversion(0.44704),
        "kn": Conversion(1852 / 3600),
    },
    "W/m2": {"W/m2": Conversion(1), "kW/m2": Conversion(1000)},
    "kg/kWh": {"kg/kWh": Conversion(1), "g/kWh": Conversion(1e-3), "kg/MWh": Conversion(1e-3)},
    "1/kWh": {"1/kWh": Conversion(1), "1/MWh": Conversion(1e-3)},
    "min": _scaled(s=1 / 60, min=1, h=60),
    "deg": _scaled(deg=1),
}
"""By unit of the schema: the units that a source may have. Power becomes energy through the interval length."""


def conversion(column: Column, unit: str) -> Conversion:
    """How `unit` becomes the unit of a column; no unit means: already the column's.

    Raises UnknownName when it cannot, such as power for a counter.
    """
    known = UNITS.get(column.unit, {})
    if column.name.startswith("register_"):
        known = {name: how for name, how in known.items() if not how.mean_power}
    if unit in ("", column.unit):
        return Conversion(1)
    if unit not in known:
        raise UnknownName(f"unit for {column.name} [{column.unit}]", unit, known)
    return known[unit]

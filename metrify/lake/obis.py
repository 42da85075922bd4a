"""OBIS codes (IEC 62056-61, today IEC 62056-6-1): what a channel of a meter measures, and its column of READING.

A code is A-B:C.D.E*F: medium, channel, quantity, how it is formed from it, tariff, storage. A file may write all of it
(1-0:1.8.0*255, 1.0.1.8.0.255) or leave out what is understood (1-1:1.29.0, 1.8.0).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

__all__ = ["Meaning", "Obis", "meaning"]

_CODE = re.compile(r"(?:(\d{1,3})-(\d{1,3}):)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:[*.&](\d{1,3}))?")
_DOTTED = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})")
_CURRENT = 255
"""Value group F: not a value that was stored at a former reset."""

_MEDIA = {
    0: "abstract",
    1: "electricity",
    4: "heat cost",
    5: "cooling",
    6: "heat",
    7: "gas",
    8: "water",
    9: "hot water",
}
_QUANTITIES = {
    1: "active power taken",
    2: "active power given back",
    3: "reactive power taken",
    4: "reactive power given back",
    5: "reactive power of quadrant I",
    6: "reactive power of quadrant II",
    7: "reactive power of quadrant III",
    8: "reactive power of quadrant IV",
    9: "apparent power taken",
    10: "apparent power given back",
    11: "current",
    12: "voltage",
    13: "power factor",
    14: "frequency",
    15: "active power, both directions added",
    16: "net active power",
}
_PHASES = {20: "L1", 40: "L2", 60: "L3", 80: "N"}
_KINDS = {
    0: "average since the last reset",
    2: "cumulated maximum",
    3: "minimum",
    4: "average up to now",
    5: "mean of the last interval",
    6: "maximum",
    7: "instantaneous value",
    8: "register",
    9: "energy since the last reset",
    29: "energy of the interval",
}

_ENERGY = {(1, 29): "kwh", (2, 29): "kwh_export", (3, 29): "kvarh", (16, 29): "kwh"}
_REGISTERS = {(1, 8): "register_kwh", (2, 8): "register_export_kwh"}
_MEAN_POWER = {(1, 5): "kwh", (2, 5): "kwh_export", (3, 5): "kvarh", (16, 5): "kwh"}
_VOLTAGE = {(quantity, kind): "voltage_v" for quantity in (12, 32, 52, 72) for kind in (5, 7)}
_CURRENTS = {(quantity, kind): "current_a" for quantity in (11, 31, 51, 71) for kind in (5, 7)}
_COLUMNS = {**_ENERGY, **_REGISTERS, **_MEAN_POWER, **_VOLTAGE, **_CURRENTS}
KNOWN = tuple(f"1-0:{quantity}.{kind}.0" for quantity, kind in _COLUMNS)
"""The codes that have a column, in their usual writing."""


@dataclass(frozen=True)
class Obis:
    """One code by its value groups A to F."""

    medium: int
    channel: int
    quantity: int
    kind: int
    tariff: int
    storage: int = _CURRENT

    @classmethod
    def parse(cls, text: str) -> Obis | None:
        """The code in `text`, None where it is none. What is left out is electricity, channel 0, no tariff, current."""
        text = text.strip()
        dotted = _DOTTED.fullmatch(text)
        if dotted:
            groups = [int(group) for group in dotted.groups()]
        else:
            found = _CODE.fullmatch(text)
            if not found:
                return None
            assumed = (1, 0, 0, 0, 0, _CURRENT)
            groups = [int(g) if g is not None else other for g, other in zip(found.groups(), assumed, strict=True)]
        return cls(*groups) if max(groups) <= 255 else None

    def __str__(self) -> str:
        stored = "" if self.storage == _CURRENT else f"*{self.storage}"
        return f"{self.medium}-{self.channel}:{self.quantity}.{self.kind}.{self.tariff}{stored}"

    @property
    def _base(self) -> int:
        """What the quantity of a phase has been raised by: 21 is for L1 what 1 is for all phases."""
        return max((start for start in _PHASES if start < self.quantity <= start + 16), default=0)

    def likeness(self, code: str) -> tuple[bool, bool]:
        """How near another code is: first by its quantity, then by how it is formed."""
        other = Obis.parse(code)
        return (
            (other.quantity - other._base == self.quantity - self._base, other.kind == self.kind)
            if other
            else (False, False)
        )

    @property
    def words(self) -> str:
        """What it measures, in words."""
        quantity = _QUANTITIES.get(self.quantity - self._base, f"quantity {self.quantity}")
        phase = f" of {_PHASES[self._base]}" if self._base else ""
        return f"{quantity}{phase}, {_KINDS.get(self.kind, f'kind {self.kind}')}"


@dataclass(frozen=True)
class Meaning:
    """What a channel is to READING."""

    column: str
    unit: str = ""
    """the unit of its values unless the source says otherwise; empty: the column's"""
    phase: bool = False
    """one of several phases, of which the column holds the mean"""


def meaning(code: str) -> Meaning | str:
    """The column of READING that a channel is; or, for one that is none, why not."""
    found = Obis.parse(code)
    if found is None:
        return f"no OBIS code such as 1-0:1.29.0 ({code})"
    if found.medium != 1:
        return f"{found} measures {_MEDIA.get(found.medium, 'another medium')}, not electricity"
    column = _COLUMNS.get((found.quantity, found.kind))
    if column is None:
        return f"{found} ({found.words}) has no column in READING; the nearest that have one: {_nearest(found)}"
    if found.storage < 100:
        return f"{found} is what was stored at former reset {found.storage}, not the current value"
    if found.tariff:
        return f"{found} is of tariff {found.tariff} only, no total: {replace(found, tariff=0)} is"
    power = "" if found.kind != 5 or column in ("voltage_v", "current_a") else "kvar" if column == "kvarh" else "kW"
    return Meaning(column, power, column in ("voltage_v", "current_a"))


def _nearest(code: Obis) -> str:
    return ", ".join(sorted(KNOWN, key=code.likeness, reverse=True)[:3])

"""What the numbers of ESPI mean: which channel a ReadingType is, as an OBIS code, and which readings are measured."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ATOM", "ESPI", "NOT_MEASURED", "QUALITIES", "Channel", "channel_of"]

ATOM = "http://www.w3.org/2005/Atom"
ESPI = "http://naesb.org/espi"

WH, WATT, VOLT, AMPERE, VARH, VAR = 72, 38, 29, 5, 73, 63
FORWARD, NET, REVERSE = 1, 4, 19
BULK, CONTINUOUS, CUMULATIVE, DELTA, SUMMATION = 1, 2, 3, 4, 9
AVERAGE = 2
_UNITS = {
    5: "A",
    23: "degC",
    29: "V",
    31: "J",
    33: "Hz",
    38: "W",
    42: "m3",
    61: "VA",
    63: "var",
    65: "power factor",
    71: "VAh",
    72: "Wh",
    73: "varh",
    111: "count",
    119: "ft3",
    128: "gallon",
    132: "Btu",
    169: "therm",
}
_PHASES = {128: 20, 129: 20, 64: 40, 65: 40, 32: 60, 33: 60}
"""Phase codes that are one phase against neutral or earth, and by how much they raise the OBIS quantity."""
REGISTER = 8

QUALITIES = {
    0: "valid",
    7: "manually edited",
    8: "estimated using reference day",
    9: "estimated using linear interpolation",
    10: "questionable",
    11: "derived",
    12: "projected",
    13: "mixed",
    14: "raw",
    15: "normalized for weather",
    16: "other",
    17: "validated",
    18: "verified",
    19: "revenue quality",
}
NOT_MEASURED = {7, 8, 9, 10, 11, 12, 13, 15, 16}
"""A value of these has been put in the place of a measurement, or nobody vouches that it is one."""


@dataclass(frozen=True)
class Channel:
    """What the readings of a ReadingType are."""

    obis: str
    unit: str
    exponent: int
    """value times ten to this is in `unit`"""
    mean_power: bool = False
    """kW or kvar over the interval: times its hours"""
    seconds: int = 0
    """length of an interval as ReadingType tells it; 0 if it does not"""

    @property
    def register(self) -> bool:
        """A counter, read at the end of the interval."""
        return self.obis.split(".")[1] == str(REGISTER)


def channel_of(told: dict[str, str]) -> Channel | str:
    """The channel of a ReadingType, by its elements; or, where READING has none for it, why not."""
    try:
        numbers = {name: int(value) for name, value in told.items() if value}
    except ValueError:
        return f"ReadingType holds what is no whole number ({told})"
    commodity, tariff = numbers.get("commodity", 1), numbers.get("tou", 0)
    if commodity not in (0, 1, 2):
        return f"ReadingType is of commodity {commodity}, no electricity"
    if tariff:
        return f"ReadingType is of tariff (tou) {tariff} only, no total"
    unit = numbers.get("uom", WH)
    exponent, seconds = numbers.get("powerOfTenMultiplier", 0), numbers.get("intervalLength", 0)
    quantity, kind = _quantity(unit, numbers), _kind(unit, numbers)
    if quantity is None or kind is None:
        words = f"uom {unit} ({_UNITS.get(unit, 'unknown')})"
        facts = [f"{name} {numbers[name]}" for name in _SHAPE if name in numbers]
        return f"ReadingType has no column in READING: {', '.join([words, *facts])}"
    code = f"1-0:{quantity}.{kind}.0"
    if unit in (VOLT, AMPERE):
        return Channel(code, "V" if unit == VOLT else "A", exponent, False, seconds)
    reactive = unit in (VARH, VAR)
    return Channel(code, "kvarh" if reactive else "kWh", exponent - 3, unit in (WATT, VAR), seconds)


_SHAPE = ("flowDirection", "accumulationBehaviour", "dataQualifier", "phase")


def _quantity(unit: int, numbers: dict[str, int]) -> int | None:
    """OBIS value group C."""
    phase = numbers.get("phase", 0)
    if unit in (VOLT, AMPERE):
        raised = _PHASES.get(phase, 0)
        return (12 if unit == VOLT else 11) + raised
    flow = numbers.get("flowDirection", 0)
    if phase in _PHASES:  # the energy of one phase is no total
        return None
    if unit in (VARH, VAR):
        return 3 if flow in (0, FORWARD) else None
    return {0: 1, FORWARD: 1, NET: 16, REVERSE: 2}.get(flow) if unit in (WH, WATT) else None


def _kind(unit: int, numbers: dict[str, int]) -> int | None:
    """OBIS value group D."""
    behaviour, qualifier = numbers.get("accumulationBehaviour", 0), numbers.get("dataQualifier", 0)
    if unit in (VOLT, AMPERE):
        return 7 if qualifier not in (8, 9) else None  # maximum, minimum
    if unit in (WATT, VAR):
        return 29 if qualifier == AVERAGE else None
    if behaviour in (0, DELTA, SUMMATION):
        return 29
    total = unit == WH and numbers.get("flowDirection", 0) != NET
    return REGISTER if behaviour in (BULK, CONTINUOUS, CUMULATIVE) and total else None

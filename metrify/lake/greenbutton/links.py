"""What belongs to what in a feed: blocks to meter readings, those to reading types and usage points.

Links come first; where they lead nowhere (utilities write them differently, some leave them out), the order of the
entries tells.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from metrify.lake.greenbutton.codes import Channel, channel_of
from metrify.lake.greenbutton.feed import Entry

__all__ = ["Links", "MeterReading", "UsagePoint"]


@dataclass
class UsagePoint:
    """A metering point of the feed."""

    address: str
    meter_id: str
    title: str
    seconds: int = 0
    """length of its intervals: the shortest of its channels that are no registers; 0 if none is told"""


@dataclass
class MeterReading:
    """One channel of a usage point."""

    links: dict[str, list[str]]
    owner: UsagePoint | None
    channel: Channel | str = "channel: MeterReading leads to no ReadingType"
    """or why it is none"""


@dataclass
class Links:
    """The entries of a feed by their addresses."""

    points: list[UsagePoint] = field(default_factory=list)
    readings: list[MeterReading] = field(default_factory=list)
    _by_block: dict[str, MeterReading | None] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Links:
        """Look at all entries of a feed but their values."""
        kept = [entry for entry in entries if entry.kind in ("UsagePoint", "MeterReading", "ReadingType")]
        found = cls([_point(entry) for entry in kept if entry.kind == "UsagePoint"])
        owners = _Owners([entry for entry in kept if entry.kind == "UsagePoint"], found.points)
        types = _Types(kept)
        last = None
        for place, entry in enumerate(kept):
            if entry.kind == "UsagePoint":
                last = found.points[owners.place(entry)]
            if entry.kind == "MeterReading":
                reading = MeterReading(entry.links, owners.of(entry) or last)
                told = types.of(entry, place)
                known = channel_of(told) if told is not None else None
                reading.channel = f"channel: {known}" if isinstance(known, str) else known or reading.channel
                found._add(reading)
        return found

    def _add(self, reading: MeterReading) -> None:
        self.readings.append(reading)
        for address in [
            *_all(reading.links, "related"),
            *(f"{own}/IntervalBlock" for own in _all(reading.links, "self")),
        ]:
            other = self._by_block.get(address, reading)
            self._by_block[address] = reading if other is reading else None  # two claim it: the order must tell
        length = reading.channel.seconds if isinstance(reading.channel, Channel) and not reading.channel.register else 0
        if reading.owner and length:
            reading.owner.seconds = min(reading.owner.seconds or length, length)

    def of_block(self, entry: Entry, before: int) -> MeterReading | None:
        """Whose values a block holds; `before` is how many meter readings stand before it."""
        own = _all(entry.links, "self")
        for address in [*own, *_all(entry.links, "up"), *(address.rpartition("/")[0] for address in own)]:
            found = self._by_block.get(address)
            if found is not None:
                return found
        return self.readings[before - 1] if before else None


class _Owners:
    """Usage points by the addresses of what they hold."""

    def __init__(self, entries: list[Entry], points: list[UsagePoint]):
        self._places = {id(entry): place for place, entry in enumerate(entries)}
        self._points = points
        self._by_address: dict[str, UsagePoint] = {}
        for entry, point in zip(entries, points, strict=True):
            own = _all(entry.links, "self")
            for address in [*own, *(f"{one}/MeterReading" for one in own), *_all(entry.links, "related")]:
                self._by_address.setdefault(address, point)

    def place(self, entry: Entry) -> int:
        return self._places[id(entry)]

    def of(self, reading: Entry) -> UsagePoint | None:
        own = _all(reading.links, "self")
        for address in [*own, *_all(reading.links, "up"), *(address.rpartition("/")[0] for address in own)]:
            if address in self._by_address:
                return self._by_address[address]
        return None


class _Types:
    """Reading types by their addresses, and by where they stand."""

    def __init__(self, kept: list[Entry]):
        self._kept = kept
        self._by_address = {
            address: entry.told
            for entry in kept
            if entry.kind == "ReadingType"
            for address in _all(entry.links, "self")
        }

    def of(self, reading: Entry, place: int) -> dict[str, str] | None:
        for address in _all(reading.links, "related"):
            if address in self._by_address:
                return self._by_address[address]
        for entry in self._kept[place + 1 :]:
            if entry.kind != "ReadingType":
                break
            return entry.told
        before = [entry.told for entry in self._kept[:place] if entry.kind == "ReadingType"]
        after = [entry.told for entry in self._kept[place:] if entry.kind == "ReadingType"]
        return (before[-1:] or after[:1] or [None])[0]


def _point(entry: Entry) -> UsagePoint:
    address = next(iter(_all(entry.links, "self")), "")
    segments = address.split("/")
    linked = unquote(segments[segments.index("UsagePoint") + 1]) if "UsagePoint" in segments[:-1] else ""
    return UsagePoint(address, entry.told.get("ServiceDeliveryPoint/mRID") or linked or entry.title, entry.title)


def _all(links: dict[str, list[str]], relation: str) -> list[str]:
    """Addresses without the server, which some entries of a feed name and others do not."""
    return [urlsplit(address).path.rstrip("/") for address in links.get(relation, []) if address]

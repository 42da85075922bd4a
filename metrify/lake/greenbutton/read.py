"""The values of a Green Button feed as rows of a channel each, chunk by chunk; `lake.channels` pivots them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from metrify.errors import UnreadableFile
from metrify.lake.channels import ESTIMATED, REFUSED
from metrify.lake.greenbutton.codes import NOT_MEASURED, QUALITIES, Channel
from metrify.lake.greenbutton.feed import WANTED, Block, entries
from metrify.lake.greenbutton.links import Links, MeterReading, UsagePoint

__all__ = ["NAMES", "read_values"]

NAMES = [
    "meter_id",
    "title",
    "self",
    "timestamp",
    "end",
    "channel",
    "value",
    "unit",
    "seconds",
    "quality",
    REFUSED,
    ESTIMATED,
]
"""The columns of the chunks: times in UTC, `channel` as OBIS code, `value` in `unit`, the rest as the feed tells it."""

ROWS = 131_072
DAY = 86_400
_LOST = MeterReading({}, None, "channel: IntervalBlock leads to no MeterReading")
_TIME = pa.timestamp("us", "UTC")


def read_values(path: Path, minutes: int | None = None, meter: str = "meter_id") -> Iterator[pa.Table]:
    """All values of a feed; the file is read twice, first for what belongs to what.

    `minutes` overrules the interval length of ReadingType, `meter` is the column that tells meters apart. Raises
    UnreadableFile, also where two usage points would be one meter.
    """
    links = Links.of(entries(path, values=False))
    _refuse_one_name_for_two(path, links, meter)
    parts: list[tuple[MeterReading, Block]] = []
    before = size = 0
    for entry in entries(path, values=True):
        before += entry.kind == "MeterReading"
        for block in entry.blocks:
            parts.append((links.of_block(entry, before) or _LOST, block))
            size += len(block.value)
        if size >= ROWS:
            yield _Values(parts, minutes).table()
            parts, size = [], 0
    if parts:
        yield _Values(parts, minutes).table()


def _refuse_one_name_for_two(path: Path, links: Links, meter: str) -> None:
    addresses: dict[str, str] = {}
    for point in links.points:
        name = {"meter_id": point.meter_id, "title": point.title}.get(meter, point.address)
        other = addresses.setdefault(name, point.address)
        if name and other != point.address:
            fix = 'Tell them apart by a mapping with layout = "green_button" and, under [columns], meter_id = "self".'
            raise UnreadableFile(path, WANTED, f"two usage points are {meter} {name!r} ({other}, {point.address})", fix)


@dataclass
class _Values:
    """The values of some blocks, column by column."""

    parts: list[tuple[MeterReading, Block]]
    minutes: int | None
    refused: NDArray[np.object_] = field(init=False)

    def table(self) -> pa.Table:
        counts = [len(block.value) for _, block in self.parts]
        place = np.repeat(np.arange(len(counts)), counts)
        self.refused = np.full(len(place), None, object)
        for number, (reading, _) in enumerate(self.parts):
            if isinstance(reading.channel, str):
                self.refused[place == number] = reading.channel
        owners = [reading.owner for reading, _ in self.parts]
        known = [reading.channel if isinstance(reading.channel, Channel) else None for reading, _ in self.parts]
        start, seconds = self._whole("start"), self._whole("duration")
        length = self._lengths(owners, known, place, seconds)
        qualities = pa.array([quality for _, block in self.parts for quality in block.quality], pa.string())
        columns = [
            _each([owner.meter_id or None if owner else None for owner in owners], place),
            _each([owner.title or None if owner else None for owner in owners], place),
            _each([owner.address or None if owner else None for owner in owners], place),
            _moments(start + seconds - length),
            _moments(start + seconds),
            _each([channel.obis if channel else None for channel in known], place),
            self._amounts(known, place, seconds),
            _each([channel.unit if channel else None for channel in known], place),
            pa.array(seconds),
            qualities,
            pa.array(self.refused, pa.string()),
            _estimated(qualities),
        ]
        return pa.table(columns, NAMES)

    def _lengths(
        self,
        owners: list[UsagePoint | None],
        known: list[Channel | None],
        place: NDArray[np.int64],
        seconds: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """From the start of each value's interval to its end; a register is read at the end of one of its meter's."""
        register = np.array([bool(channel and channel.register) for channel in known])[place]
        told = np.array([60 * self.minutes if self.minutes else c.seconds if c else 0 for c in known], np.int64)[place]
        usual = [60 * self.minutes if self.minutes else owner.seconds if owner else 0 for owner in owners]
        step = np.array(usual, np.int64)[place]
        self._check_lengths(seconds, told, register)
        own = np.where(seconds > 0, seconds, told)
        length = np.where(register, np.where(step > 0, step, own), seconds)
        self._refuse(length <= 0, "duration: a register's reading without one, and no interval length is told")
        return length

    def _refuse(self, which: NDArray[np.bool_], reason: str) -> None:
        self.refused[which & (self.refused == None)] = reason  # noqa: E711  (elementwise)

    def _whole(self, name: str) -> NDArray[np.int64]:
        """Whole seconds; what is none is refused and stands as 0."""
        text = pa.array([value for _, block in self.parts for value in getattr(block, name)], pa.string())
        good = pc.fill_null(pc.match_substring_regex(text, r"^\d{1,11}$"), False)
        for place in np.flatnonzero(~good.to_numpy(zero_copy_only=False)):
            if self.refused[place] is None:
                said = text[int(place)].as_py()
                self.refused[place] = f"{name} is missing" if said is None else f"{name}: not whole seconds ({said})"
        return pc.if_else(good, text, "0").cast(pa.int64()).to_numpy()

    def _check_lengths(
        self, seconds: NDArray[np.int64], expected: NDArray[np.int64], register: NDArray[np.bool_]
    ) -> None:
        """An interval of another length holds another energy; a day may have 23 or 25 hours."""
        self._refuse(~register & (seconds == 0), "duration: 0 seconds")
        self._refuse(~register & (seconds > DAY + 3600), "duration: longer than a day")
        same = (seconds == expected) | ((expected == DAY) & (np.abs(seconds - DAY) <= 3600))
        off = np.flatnonzero(~register & (expected > 0) & ~same & (self.refused == None))  # noqa: E711  (elementwise)
        for place in off:
            self.refused[place] = f"duration: {seconds[place]} seconds, its intervals have {expected[place]}"

    def _amounts(self, known: list[Channel | None], place: NDArray[np.int64], seconds: NDArray[np.int64]) -> pa.Array:
        """Values as text with their power of ten: read as one number, no digit is lost."""
        text = pa.array([value for _, block in self.parts for value in block.value], pa.string())
        exponent = pa.array([f"e{channel.exponent}" if channel else "" for channel in known]).take(pa.array(place))
        plain = pc.fill_null(pc.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)$"), False)
        amounts = pc.if_else(plain, pc.binary_join_element_wise(text, exponent, ""), text)
        power = np.array([bool(channel and channel.mean_power) for channel in known])[place]
        if power.any():
            hours = np.where(power, seconds, 3600) / 3600
            energy = pc.multiply(pc.if_else(plain, amounts, None).cast(pa.float64()), pa.array(hours))
            amounts = pc.if_else(pc.and_(pa.array(power), plain), energy.cast(pa.string()), amounts)
        return amounts


def _each(values: list[str | None], place: NDArray[np.int64]) -> pa.Array:
    """What is the same for all values of a block, for each value."""
    return pa.array(values, pa.string()).take(pa.array(place))


def _moments(seconds: NDArray[np.int64]) -> pa.Array:
    return pa.array(seconds * 1_000_000).cast(_TIME)


def _estimated(qualities: pa.Array) -> pa.Array:
    """Why a value is no measurement, null where it is one."""
    encoded = pc.dictionary_encode(qualities)
    said = [_no_measurement(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(said, pa.string()).take(encoded.indices)


def _no_measurement(qualities: str) -> str | None:
    for quality in qualities.split():
        number = int(quality) if quality.isdecimal() else -1
        if number not in QUALITIES or number in NOT_MEASURED:
            return f"estimated by the sender (ReadingQuality {quality}: {QUALITIES.get(number, 'unknown')})"
    return None
